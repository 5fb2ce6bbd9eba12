"""One look at a database: which probes are asked in which round trip.

BEGIN, settings, three batches and COMMIT are six round trips; a missing table costs
one more, and one more where there is a ledger, a lock whose age is hidden one more. A batch in which a probe fails is asked
again, probe by probe.
"""

from roleshift.engine.facts.look import Facts
from roleshift.engine.facts.table import MissingTarget
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes import activity, backup
from roleshift.postgres.probes.batch import ask
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


async def _look(session: Session, wanted: Wanted) -> Facts:
    shape, condition = target_probe(wanted), Condition(session.backend)
    catalog = InCatalog(wanted)
    catalogs = [
        SERVER,
        shape,
        *activity.WITHOUT_TARGET,
        *backup.WITHOUT_TARGET,
        *condition.probes,
        *catalog.probes,
    ]
    first = await ask(session, catalogs, CATALOG_SECONDS)
    server, target = first.of(SERVER), first.of(shape)
    if isinstance(target, MissingTarget):
        missing = await with_similar(session, wanted)
        return Facts(
            server,
            missing,
            activity=activity.without_target(first),
            backup=await backup.without_target(session, first),
            condition=condition.facts(first),
        )
    if not isinstance(target, TargetFacts) or target.column(wanted.role_column) is None:
        return Facts(
            server,
            target,
            activity=activity.without_target(first),
            backup=await backup.without_target(session, first),
            condition=condition.facts(first),
        )
    by_role, collisions = roles_probe(wanted), collisions_probe(wanted, target)
    locks, others = locks_probe(target), activity.OnTarget(target, first)
    on_target = condition.on_target(target, first)
    around = OnRows(wanted, target, catalog, first)
    kept = backup.AfterFirst(first, target)
    asked = [by_role, collisions, locks, *others.probes, *on_target.probes, *around.probes, *kept.probes]
    second = await ask(session, asked, wanted.scan_seconds)
    roles = second.of(by_role)
    held, transactions = await seen_twice(
        session, [(locks, second.of(locks)), (activity.TRANSACTIONS, first.of(activity.TRANSACTIONS))]
    )
    return Facts(
        server=server,
        target=target,
        roles=roles,
        collisions=second.of(collisions),
        locks=lock_facts(held),
        activity=others.facts(second, transactions),
        backup=kept.facts(second),
        condition=on_target.facts(second),
        references=around.references(second),
        unwatched=around.unwatched(second),
        row_security=around.row_security,
        dependencies=around.dependencies,
        refused=await refused_values(session, wanted, target, roles, server),
    )
