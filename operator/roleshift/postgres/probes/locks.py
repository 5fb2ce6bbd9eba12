"""Locks on the target that the write would wait for; and what is hidden, looked at twice."""

import asyncio
from collections.abc import Sequence

from roleshift.engine.facts.activity import BlockingSession, LockFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes.batch import Probe, Rows, ask, sql_probe
from roleshift.postgres.probes.wanted import oid_of
from roleshift.postgres.session import Session

SECOND_LOOK_SECONDS = 1.0
"""What a session does whose age is hidden counts once it is seen at both ends of this pause."""

_SECONDS = 10.0
Seen = Rows | ProbeFailure


def locks_probe(target: TargetFacts) -> Probe[Rows]:
    """Holders and waiters; read with `lock_facts`."""
    return sql_probe("locks", lambda rows: rows, oid_of(target))


async def seen_twice(session: Session, looks: Sequence[tuple[Probe[Rows], Seen]]) -> list[Seen]:
    """What probes saw; a holder whose age is hidden is looked at twice, all in one more round trip.

    One that is gone after a second was nobody's worry.
    """
    if not any(_hidden(rows) for _, rows in looks):
        return [rows for _, rows in looks]
    await asyncio.sleep(SECOND_LOOK_SECONDS)
    again = await ask(session, [probe for probe, _ in looks], _SECONDS)
    return [_still_there(rows, again.of(probe)) for probe, rows in looks]


def _hidden(rows: Seen) -> set[str]:
    if isinstance(rows, ProbeFailure):
        return set()
    return {row["holder"] for row in rows if row.get("granted", True) and row["seconds"] is None}


def _still_there(before: Seen, after: Seen) -> Seen:
    if isinstance(before, ProbeFailure) or isinstance(after, ProbeFailure):
        return before if isinstance(before, ProbeFailure) else after
    hidden = _hidden(before)
    return [row for row in after if row["seconds"] is not None or row["holder"] in hidden]


def lock_facts(rows: Seen) -> LockFacts | ProbeFailure:
    """Who holds and who waits."""
    if isinstance(rows, ProbeFailure):
        return rows
    blocking = tuple(
        BlockingSession(row["who"], row["mode"], row["seconds"]) for row in rows if row["granted"]
    )
    return LockFacts(blocking, sum(not row["granted"] for row in rows))
