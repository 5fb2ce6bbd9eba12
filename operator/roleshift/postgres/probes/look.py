"""One look at a database: which probes are asked in which round trip.

BEGIN, settings, three batches and COMMIT are six round trips. Without a target the
second batch is a search for similar names, and one more for a ledger that is there;
what is hidden from the run's role is looked at twice, which costs one more, and so does a search for
earlier runs of a mapping whose new roles are old ones too. A batch
in which a probe fails is asked again, probe by probe.
"""

from typing import Any

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import Facts
from roleshift.engine.facts.table import CollisionFacts, MissingTarget
from roleshift.engine.keys import Key, resolve_key
from roleshift.engine.target import TargetFacts
from roleshift.postgres.moving import Moving
from roleshift.postgres.probes import activity, backup
from roleshift.postgres.probes.batch import Answers, Probe, ask, ask_one
from roleshift.postgres.probes.condition import Condition
from roleshift.postgres.probes.earlier import earlier_images
from roleshift.postgres.probes.integrity import InCatalog, OnRows
from roleshift.postgres.probes.locks import lock_facts, locks_probe, seen_twice
from roleshift.postgres.probes.refusals import refused_values
from roleshift.postgres.probes.roles import RoleProbes, lookup_probe
from roleshift.postgres.probes.server import SERVER
from roleshift.postgres.probes.target import target_probe, with_similar
from roleshift.postgres.probes.wanted import Wanted
from roleshift.postgres.session import Access, Isolation, Session, Timeouts

CATALOG_SECONDS = 10.0
"""Limit of a batch that reads catalogs and statistics only."""
LOCK_SECONDS = 2.0


async def look(session: Session, wanted: Wanted) -> Facts:
    """Every fact that the read-only session can tell.

    Raises:
        DatabaseError: the connection itself is gone.
    """
    limits = Timeouts(LOCK_SECONDS, CATALOG_SECONDS)
    async with session.transaction(limits, Isolation.REPEATABLE_READ, Access.READ_ONLY):
        return await _look(session, wanted)


async def collisions_now(session: Session, wanted: Wanted, moving: Moving) -> CollisionFacts | ProbeFailure:
    """Rows that collide at this moment, without the rest of a look.

    Raises:
        DatabaseError: the connection itself is gone.
    """
    limits = Timeouts(LOCK_SECONDS, CATALOG_SECONDS)
    async with session.transaction(limits, Isolation.REPEATABLE_READ, Access.READ_ONLY):
        target = await ask_one(session, target_probe(wanted), CATALOG_SECONDS)
        if not isinstance(target, TargetFacts):
            return CollisionFacts(0)
        probes = RoleProbes.of(moving, target)
        told = await ask(session, [probes.collisions, probes.beyond], wanted.scan_seconds)
        return probes.colliding(told)


async def _look(session: Session, wanted: Wanted) -> Facts:
    begin = _Begin(session, wanted)
    first = await ask(session, begin.probes, CATALOG_SECONDS)
    target = first.of(begin.shape)
    if isinstance(target, TargetFacts) and target.column(wanted.role_column) is not None:
        return await _at_table(session, wanted, begin, target, first)
    return await _without_table(session, wanted, begin, first)


class _Begin:
    """Probes of the first batch: they need nothing but the session."""

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self.shape = target_probe(wanted)
        self.condition = Condition(session.backend)
        self.catalog = InCatalog(wanted)
        self.lookup = lookup_probe(wanted.asked.lookup) if wanted.asked.lookup else None
        self.probes: list[Probe[Any]] = [
            SERVER,
            self.shape,
            *activity.WITHOUT_TARGET,
            *backup.WITHOUT_TARGET,
            *self.condition.probes,
            *self.catalog.probes,
            *([self.lookup] if self.lookup else []),
        ]


async def _without_table(session: Session, wanted: Wanted, begin: _Begin, first: Answers) -> Facts:
    target = first.of(begin.shape)
    return Facts(
        server=first.of(SERVER),
        target=await with_similar(session, wanted) if isinstance(target, MissingTarget) else target,
        activity=activity.without_target(first),
        backup=await backup.without_target(session, first),
        condition=begin.condition.facts(first),
    )


async def _at_table(
    session: Session, wanted: Wanted, begin: _Begin, target: TargetFacts, first: Answers
) -> Facts:
    lookup = first.of(begin.lookup) if begin.lookup else None
    known = None if isinstance(lookup, ProbeFailure) else lookup
    wanted = wanted.in_values(known)
    kept = backup.AfterFirst(first, target)
    earlier = await _earlier(session, wanted, target, kept)
    images = () if isinstance(earlier, ProbeFailure) else earlier
    by_role = RoleProbes.of(wanted.moving(target, known, images), target)
    locks, others = locks_probe(target), activity.OnTarget(target, first)
    condition = begin.condition.on_target(target, first)
    around = OnRows(wanted, target, begin.catalog, first)
    asked = [*by_role.all, locks, *others.probes, *condition.probes, *around.probes, *kept.probes]
    second = await ask(session, asked, wanted.scan_seconds)
    held, transactions = await seen_twice(
        session, [(locks, second.of(locks)), (activity.TRANSACTIONS, first.of(activity.TRANSACTIONS))]
    )
    server = first.of(SERVER)
    unread = next((one for one in (lookup, earlier) if isinstance(one, ProbeFailure)), None)
    roles = unread or by_role.role_facts(second, known)
    return Facts(
        server=server,
        target=target,
        lookup=lookup,
        earlier=earlier,
        roles=roles,
        collisions=unread or by_role.collision_facts(second, known),
        locks=lock_facts(held),
        activity=others.facts(second, transactions),
        backup=kept.facts(second),
        condition=condition.facts(second),
        references=around.references(second),
        unwatched=around.unwatched(second),
        row_security=around.row_security,
        dependencies=around.dependencies,
        refused=await refused_values(session, wanted, target, second.of(by_role.roles), server),
    )


async def _earlier(
    session: Session, wanted: Wanted, target: TargetFacts, kept: backup.AfterFirst
) -> tuple[str, ...] | ProbeFailure:
    if not kept.knows_runs:
        return ()
    key = resolve_key(target, wanted.key_columns, wanted.user_column, wanted.role_column)
    return await earlier_images(session, wanted, target, key.columns if isinstance(key, Key) else ())
