"""One look at a database: which probes are asked in which round trip.

BEGIN, settings, three batches and COMMIT are six round trips. Without a target the
second batch is a search for similar names, and one more for a ledger that is there;
what is hidden from the run's role is looked at twice, which costs one more. A batch
in which a probe fails is asked again, probe by probe.
"""

from typing import Any

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import Facts
from roleshift.engine.facts.table import CollisionFacts, MissingTarget
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes import activity, backup
from roleshift.postgres.probes.batch import Answers, Probe, ask, ask_one
from roleshift.postgres.probes.condition import Condition
from roleshift.postgres.probes.integrity import InCatalog, OnRows
from roleshift.postgres.probes.locks import lock_facts, locks_probe, seen_twice
from roleshift.postgres.probes.refusals import refused_values
from roleshift.postgres.probes.roles import collisions_probe, roles_probe
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


async def collisions_now(session: Session, wanted: Wanted) -> CollisionFacts | ProbeFailure:
    """Rows that collide at this moment, without the rest of a look.

    Raises:
        DatabaseError: the connection itself is gone.
    """
    limits = Timeouts(LOCK_SECONDS, CATALOG_SECONDS)
    async with session.transaction(limits, Isolation.REPEATABLE_READ, Access.READ_ONLY):
        target = await ask_one(session, target_probe(wanted), CATALOG_SECONDS)
        if not isinstance(target, TargetFacts):
            return CollisionFacts(0)
        return await ask_one(session, collisions_probe(wanted, target), wanted.scan_seconds)


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
        self.probes: list[Probe[Any]] = [
            SERVER,
            self.shape,
            *activity.WITHOUT_TARGET,
            *backup.WITHOUT_TARGET,
            *self.condition.probes,
            *self.catalog.probes,
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
    by_role, collisions, locks = roles_probe(wanted), collisions_probe(wanted, target), locks_probe(target)
    others, kept = activity.OnTarget(target, first), backup.AfterFirst(first, target)
    condition = begin.condition.on_target(target, first)
    around = OnRows(wanted, target, begin.catalog, first)
    asked = [by_role, collisions, locks, *others.probes, *condition.probes, *around.probes, *kept.probes]
    second = await ask(session, asked, wanted.scan_seconds)
    held, transactions = await seen_twice(
        session, [(locks, second.of(locks)), (activity.TRANSACTIONS, first.of(activity.TRANSACTIONS))]
    )
    server, roles = first.of(SERVER), second.of(by_role)
    return Facts(
        server=server,
        target=target,
        roles=roles,
        collisions=second.of(collisions),
        locks=lock_facts(held),
        activity=others.facts(second, transactions),
        backup=kept.facts(second),
        condition=condition.facts(second),
        references=around.references(second),
        unwatched=around.unwatched(second),
        row_security=around.row_security,
        dependencies=around.dependencies,
        refused=await refused_values(session, wanted, target, roles, server),
    )
