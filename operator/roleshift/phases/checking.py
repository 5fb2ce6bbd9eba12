"""Checking: one look at the database, the gate, and the plan. Writes nothing but the ledger row."""

from roleshift.engine.checks import Healing
from roleshift.engine.outcome import Advance, Fail, Outcome, Wait
from roleshift.engine.score import GateClosed
from roleshift.errors import Reason
from roleshift.phases.context import Context
from roleshift.phases.examination import Examination, examine
from roleshift.postgres import ledger


async def run(context: Context) -> Outcome:
    """Examine the database and record findings and plan."""
    found = await examine(
        context.spec,
        context.work,
        context.control,
        await context.surroundings(),
        context.run.carried_out,
    )
    await ledger.record(context.control, context.run, _documents(found))
    return outcome_of(found)


def outcome_of(found: Examination) -> Outcome:
    """What the gate says: go on, wait for what heals by itself, or fail at once."""
    gate = found.gate
    if isinstance(gate, GateClosed):
        if gate.healing is Healing.BY_ITSELF:
            return Wait(gate.reason, gate.message)
        return Fail(gate.reason, f"needs a person: {gate.message}")
    if found.plan is None:
        return Fail(Reason.INTERNAL_ERROR, "the gate is open but there is no plan; please report this")
    return Advance(f"score {gate.score}; {found.plan.proof.rows} rows will change")


def _documents(found: Examination) -> ledger.Documents:
    if found.plan is None:
        return ledger.Documents(findings=found.findings)
    shape = found.plan.shape
    return ledger.Documents(
        target_oid=shape.oid, target_name=shape.display_name, plan=found.plan, findings=found.findings
    )
