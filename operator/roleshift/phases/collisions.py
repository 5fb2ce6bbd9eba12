"""What becomes of a write that a unique index refused: rows that collide since the plan are planned anew."""

from roleshift.api import OnDuplicate
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.outcome import Replan
from roleshift.errors import DatabaseError, Reason
from roleshift.phases.context import Context
from roleshift.phases.examination import wanted_of
from roleshift.postgres.errors import UNIQUE_VIOLATION
from roleshift.postgres.probes.look import collisions_now


async def appeared(context: Context, error: DatabaseError) -> Replan | None:
    """Back to Checking where rows really collide now; None where the error means something else.

    They are counted with the probe that Checking will ask again, so that a unique index that is none of
    these, or a trigger's own insert, can't send the run back for ever.
    """
    if error.sqlstate != UNIQUE_VIOLATION:
        return None
    found = await collisions_now(context.work, wanted_of(context.spec), context.moving)
    if isinstance(found, ProbeFailure):
        return None
    merging = context.spec.target.on_duplicate is OnDuplicate.MERGE
    if not (found.beyond if merging else found.rows):
        return None
    return Replan(
        Reason.PLAN_CHANGED,
        "rows appeared that would share a unique value with another row once the roles are mapped "
        f"({'; '.join(found.examples)}): nothing was written, the plan is made again",
    )
