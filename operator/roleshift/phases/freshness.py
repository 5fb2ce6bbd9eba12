"""Whether what Checking found is still fresh enough to write by it."""

from roleshift.engine.outcome import Replan
from roleshift.errors import FencedError, Reason
from roleshift.phases.context import Context
from roleshift.postgres.statements import statement

FRESH_SECONDS = 60.0
"""Facts are taken again after any wait that was longer; source: the page of the safety checks."""


async def outdated(context: Context) -> Replan | None:
    """Back to Checking where a phase begins its work long after the one before it ended; else None.

    The phase began when its facts were judged, or when what was judged had just been imaged. A failed
    attempt is no wait: its retries are counted in the phase, and counting must not begin anew.
    """
    if context.run.attempts:
        return None
    row = await context.control.row_or_none(statement("run_phase_age"), {"run_id": context.run.run_id})
    if row is None:
        raise FencedError
    if row["seconds"] <= FRESH_SECONDS:
        return None
    return Replan(
        Reason.CHECKING,
        f"{row['seconds']:.0f} s have passed since the last look at the database, more than "
        f"{FRESH_SECONDS:.0f}: the checks are made again before anything is written",
    )
