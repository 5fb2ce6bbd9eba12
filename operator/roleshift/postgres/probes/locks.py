"""Locks on the target that the write would wait for."""

import asyncio

from roleshift.engine.facts.activity import BlockingSession, LockFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes.batch import Probe, Rows, ask_one, sql_probe
from roleshift.postgres.probes.wanted import oid_of
from roleshift.postgres.session import Session

SECOND_LOOK_SECONDS = 1.0
"""A lock of a session whose age is hidden counts once it is held at both ends of this pause."""

_SECONDS = 10.0


def locks_probe(target: TargetFacts) -> Probe[Rows]:
    """Holders and waiters; read with `lock_facts`."""
    return sql_probe("locks", lambda rows: rows, oid_of(target))


async def lock_facts(
    session: Session, target: TargetFacts, rows: Rows | ProbeFailure
) -> LockFacts | ProbeFailure:
    """What the probe saw; a session whose age is hidden is looked at twice.

    One that is gone after a second was nobody's worry.
    """
    if isinstance(rows, ProbeFailure):
        return rows
    hidden = {row["holder"] for row in rows if row["granted"] and row["seconds"] is None}
    if not hidden:
        return _facts(rows)
    await asyncio.sleep(SECOND_LOOK_SECONDS)
    again = await ask_one(session, locks_probe(target), _SECONDS)
    if isinstance(again, ProbeFailure):
        return again
    return _facts([row for row in again if row["seconds"] is not None or row["holder"] in hidden])


def _facts(rows: Rows) -> LockFacts:
    blocking = tuple(
        BlockingSession(row["who"], row["mode"], row["seconds"]) for row in rows if row["granted"]
    )
    return LockFacts(blocking, sum(not row["granted"] for row in rows))
