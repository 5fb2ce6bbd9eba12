"""One look at a database: which probes are asked in which round trip.

BEGIN, settings, three batches and COMMIT are six round trips; a missing table or a
lock whose age is hidden costs one more. A batch in which a probe fails is asked
again, probe by probe.
"""

from roleshift.engine.facts.look import Facts
from roleshift.engine.facts.table import MissingTarget
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes.batch import ask
from roleshift.postgres.probes.locks import lock_facts, locks_probe
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
    shape = target_probe(wanted)
    first = await ask(session, [SERVER, shape], CATALOG_SECONDS)
    server, target = first.of(SERVER), first.of(shape)
    if isinstance(target, MissingTarget):
        return Facts(server, await with_similar(session, wanted))
    if not isinstance(target, TargetFacts) or target.column(wanted.role_column) is None:
        return Facts(server, target)
    by_role, collisions = roles_probe(wanted), collisions_probe(wanted, target)
    locks = locks_probe(target)
    second = await ask(session, [by_role, collisions, locks], wanted.scan_seconds)
    roles = second.of(by_role)
    return Facts(
        server=server,
        target=target,
        roles=roles,
        collisions=second.of(collisions),
        locks=await lock_facts(session, target, second.of(locks)),
        refused=await refused_values(session, wanted, target, roles),
    )
