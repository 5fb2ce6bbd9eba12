"""Writes down what people ask of a run when it is first seen: putting a field back changes nothing."""

from roleshift.api import Phase
from roleshift.engine import approval, decisions
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.engine.steps import RollbackRequest
from roleshift.postgres import ledger
from roleshift.postgres.session import Session


async def latch(control: Session, run: RunRecord, requests: Requests) -> bool:
    """Whether something was new: a request for the old state, an approval or one taken out, a decision.

    Raises:
        FencedError: another session took the run over.
    """
    given = approval.given(run, requests)
    if _is_new_rollback(run, requests):
        await ledger.latch_rollback(
            control, run, requests.requested_by, requests.reason, requests.retry_token
        )
    elif run.plan is not None and given is not None:
        await ledger.latch_approval(control, run, run.plan.hash, given.by, given.reason)
    elif approval.was_taken_out(run, requests):
        await ledger.record(control, run, ledger.Documents(carried_hash=""))
    elif decisions.accepts(run, requests):
        await ledger.latch_acceptance(
            control, run, requests.accept_token, requests.requested_by, requests.reason
        )
    elif decisions.resumes(run, requests):
        await ledger.latch_resume(control, run, requests.resume_token)
    elif decisions.is_untimely(run, requests):
        seen = ledger.Documents(resume_token=requests.resume_token, accept_token=requests.accept_token)
        await ledger.record(control, run, seen)
    else:
        return False
    return True


def _is_new_rollback(run: RunRecord, requests: Requests) -> bool:
    ended = run.phase in (Phase.ROLLED_BACK, Phase.FAILED)
    wanted = requests.rollback is RollbackRequest.REQUESTED
    return wanted and run.rollback_requested_at is None and not ended
