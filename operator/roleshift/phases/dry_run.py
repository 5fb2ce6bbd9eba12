"""A dry run, once the gate is open: every statement is prepared as the run's role, and none is run."""

from roleshift.api import Phase
from roleshift.engine.outcome import Conclude, Fail, Outcome
from roleshift.engine.run import LogOutcome
from roleshift.engine.score import safety_score
from roleshift.errors import Reason
from roleshift.phases.context import Context
from roleshift.postgres import ledger
from roleshift.postgres.preparation import Preparation, prepare


async def run(context: Context) -> Outcome:
    """Prepare every statement and write down what came of it."""
    found = await prepare(
        context.work, context.plan, context.moving.routes, context.spec.validation.assertions
    )
    if found.refused:
        return Fail(found.refused[0].reason, _refused(found))
    message = _prepared(context, found)
    line = ledger.LogLine(
        Phase.CHECKING, LogOutcome.SUCCEEDED, started_at=context.run.phase_started_at, message=message
    )
    await ledger.append(context.control, context.run, line)
    return Conclude(
        Reason.DRY_RUN_COMPLETED,
        f"nothing was written or locked: {message}; set spec.mode to Rehearse or Apply to go on",
    )


def _refused(found: Preparation) -> str:
    every = found.prepared + len(found.refused)
    named = "; ".join(f"{one.statement}: {one.message}" for one in found.refused)
    return f"{len(found.refused)} of {every} statements could not be prepared, nothing was written: {named}"


def _prepared(context: Context, found: Preparation) -> str:
    return (
        f"score {safety_score(context.run.findings)}; {context.plan.proof.rows} rows would change; "
        f"{found.prepared} statements were prepared, not prepared: {'; '.join(found.unprepared)}"
    )
