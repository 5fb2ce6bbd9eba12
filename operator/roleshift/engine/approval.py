"""Whether a person has approved the plan that a run has now. Pure; what was seen is latched in the ledger."""

from collections.abc import Iterator
from dataclasses import replace

from roleshift.api import Approval, ApprovalPolicy
from roleshift.engine.outcome import Wait
from roleshift.engine.plan import Plan
from roleshift.engine.requests import ApprovalWish, Requests
from roleshift.engine.run import ApprovalRecord, RunRecord
from roleshift.engine.transitions import BEFORE_FIRST_WRITE
from roleshift.errors import Reason

_SHOWN = 3


def is_new(run: RunRecord, approval: Approval) -> bool:
    """Whether the manifest approves the run's plan, and the ledger does not know it yet."""
    return (
        approval.policy is ApprovalPolicy.MANUAL
        and run.phase in BEFORE_FIRST_WRITE
        and run.plan is not None
        and run.plan.hash == approval.plan_hash
        and run.carried_hash != approval.plan_hash
        and latched(run) is None
    )


def given(run: RunRecord, requests: Requests) -> ApprovalWish | None:
    """The first approval of the run's plan among what stood in the manifest, if the ledger has none yet."""
    for wish in requests.approvals:
        if is_new(run, requests.approval.model_copy(update={"plan_hash": wish.plan_hash})):
            return wish
        if wish.plan_hash != run.carried_hash:
            run = replace(run, carried_hash="")
    return None


def was_taken_out(run: RunRecord, requests: Requests) -> bool:
    """Whether an approval of an earlier attempt has left the manifest: when it is set again, it counts."""
    return run.carried_hash != "" and any(w.plan_hash != run.carried_hash for w in requests.approvals)


def latched(run: RunRecord) -> ApprovalRecord | None:
    """The approval of the plan that the run has now; that of another plan counts for nothing."""
    if run.approval is None or run.plan is None or run.approval.plan_hash != run.plan.hash:
        return None
    return run.approval


def awaited(run: RunRecord, approval: Approval, pause_seconds: float) -> Wait | None:
    """What a run waits for whose gate is open, None where it may go on.

    Args:
        run: as the ledger has it, with what `is_new` said latched.
        pause_seconds: until the plan is made again; a change of the object is seen at once.
    """
    if approval.policy is ApprovalPolicy.AUTOMATIC or run.plan is None or latched(run) is not None:
        return None
    return Wait(Reason.WAITING_FOR_APPROVAL, _message(run, run.plan, approval), after=pause_seconds)


def _message(run: RunRecord, plan: Plan, approval: Approval) -> str:
    command = f"roleshift approve {run.identity.name} -n {run.identity.namespace}"
    if plan.hash == approval.plan_hash == run.carried_hash:
        return (
            f"the plan {plan.hash} waits for a person: it was approved for an attempt before this one, and "
            f"that does not count again; read status.plan, then run: {command}; or take "
            "spec.approval.planHash out, and set it again once that was seen"
        )
    return (
        f"{_refusal(run, plan, approval)}the plan {plan.hash} waits for a person: read status.plan, then set "
        f"spec.approval.planHash to this hash, or run: {command}"
    )


def _refusal(run: RunRecord, plan: Plan, approval: Approval) -> str:
    """Why what was approved does not count, "" where nothing was."""
    former = run.approval
    if former is not None and approval.plan_hash in (None, former.plan_hash):
        changed = difference(former.plan, plan)
        return f"approved was {former.plan_hash}, and the plan has changed since: {changed}; "
    if approval.plan_hash is None:
        return ""
    return (
        f"spec.approval.planHash is {approval.plan_hash}, which is not the hash of this plan: the roles in "
        "the table, its columns, the spec or its waivers have changed since that one was made; "
    )


def difference(approved: Plan, now: Plan) -> str:
    """What a plan does that the approved one does not, in words."""
    found = [*_cells(approved, now), *_schema(approved, now)]
    return "; ".join(found) or "spec.checks.waivers, or a part of the spec that shows in no row"


def _cells(approved: Plan, now: Plan) -> Iterator[str]:
    before, after = _moves(approved), _moves(now)
    if added := sorted(after - before):
        yield f"rows appeared that go {_listed(added)}"
    if gone := sorted(before - after):
        yield f"no row goes {_listed(gone)} any more"


def _moves(plan: Plan) -> set[str]:
    return {
        f"{cell.from_role} → {cell.to_role}" + (f" ({cell.seniority})" if cell.seniority else "")
        for cell in plan.proof.cells
    }


def _listed(things: list[str]) -> str:
    more = len(things) - _SHOWN
    return ", ".join(things[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _schema(approved: Plan, now: Plan) -> Iterator[str]:
    before, after = set(approved.schema_changes), set(now.schema_changes)
    if there := [one for one in approved.schema_changes if one not in after]:
        yield f"somebody has added {_listed([one.what for one in there])} already"
    if needed := [one for one in now.schema_changes if one not in before]:
        yield f"{_listed([one.what for one in needed])} has to be added"
    if _columns(approved) != _columns(now):
        yield "the key or a column that is written has another name or type"


def _columns(plan: Plan) -> list[tuple[str, str]]:
    return [(column.name, column.type_name) for column in (*plan.shape.key, *plan.shape.written)]
