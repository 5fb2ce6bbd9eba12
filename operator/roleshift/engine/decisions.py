"""What people decide about a run whose data are written and not as they should be. Pure.

A rollback outranks an acceptance, and that outranks a new verification. A token counts for the failure that
stood when it was set: one that comes while nothing waits for a decision is noted and does nothing.
"""

from roleshift.api import Phase, RollbackPolicy
from roleshift.engine.outcome import Conclude
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.engine.steps import Decision
from roleshift.engine.transitions import TERMINAL
from roleshift.engine.verification import failure_message
from roleshift.errors import Reason


def awaits(run: RunRecord) -> bool:
    """Whether the run waits for a decision."""
    return run.phase is Phase.VALIDATING and run.reason is Reason.AWAITING_DECISION


def decision_of(run: RunRecord, requests: Requests) -> Decision:
    """What is known of the decision; a policy that has become Automatic has the run verified again."""
    if run.phase is Phase.VALIDATING and run.acceptance is not None:
        return Decision.ACCEPTED
    asks = awaits(run) and requests.rollback_policy is not RollbackPolicy.AUTOMATIC
    return Decision.AWAITED if asks else Decision.NONE


def accepts(run: RunRecord, requests: Requests) -> bool:
    """Whether a person takes the data as they are, and says why."""
    return awaits(run) and _is_new(requests.accept_token, run.accept_token) and bool(requests.reason)


def resumes(run: RunRecord, requests: Requests) -> bool:
    """Whether a person has the run verified again."""
    return awaits(run) and _is_new(requests.resume_token, run.resume_token)


def is_untimely(run: RunRecord, requests: Requests) -> bool:
    """Whether a token has come that decides nothing, because nothing waits for a decision."""
    if awaits(run) or run.phase in TERMINAL:
        return False
    accept = _is_new(requests.accept_token, run.accept_token)
    return accept or _is_new(requests.resume_token, run.resume_token)


def waiting_message(run: RunRecord, requests: Requests) -> str:
    """Why a run waits, and why an acceptance without a reason does not count."""
    lacks = awaits(run) and _is_new(requests.accept_token, run.accept_token) and not requests.reason
    if not lacks:
        return run.message
    return f"the annotation roleshift.dev/reason is missing: say why the data are accepted; {run.message}"


def ways_out(run: RunRecord) -> str:
    """The three commands that end the wait."""
    name = f"{run.identity.name} -n {run.identity.namespace}"
    return (
        f"bring the old roles back: roleshift rollback {name} --reason …; or mend the cause and verify "
        f"again: roleshift resume {name}; or take the data as they are: roleshift accept {name} --reason …"
    )


def accepted(run: RunRecord) -> Conclude:
    """The end of a run that a person has accepted."""
    given = run.acceptance
    assert given is not None
    who = f" by {given.by}" if given.by else ""
    found = failure_message(run.verification)
    after = f"; the verification had found: {found}" if found else ""
    return Conclude(Reason.MIGRATION_ACCEPTED, f"accepted{who}: {given.reason}{after}")


def _is_new(token: str, seen: str) -> bool:
    return token not in ("", seen)
