"""Whether an object begins a run, goes on with one, or begins a new attempt. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import TypeGuard

from roleshift.api import ConditionType, Phase, RoleMigrationStatus
from roleshift.api.fields import CONCLUSIONS
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.engine.situation import is_refused_for_good, wants_back
from roleshift.engine.steps import RollbackRequest
from roleshift.engine.transitions import TERMINAL
from roleshift.errors import Reason

_NOT_BEGUN = frozenset({Phase.PENDING, Phase.CHECKING, Phase.FAILED})
_STALLS = frozenset({Reason.LEDGER_LOST, Reason.FOREIGN_RUN})


class Continuation(StrEnum):
    """What to do with an object and the run that the ledger knows of it."""

    BEGIN = "Begin"
    GO_ON = "GoOn"
    NEW_ATTEMPT = "NewAttempt"
    RESTORE_AGAIN = "RestoreAgain"
    FORGET = "Forget"
    LEDGER_LOST = "LedgerLost"
    FOREIGN_RUN = "ForeignRun"


def continuation(
    run: RunRecord | None, requests: Requests, status: RoleMigrationStatus | None
) -> Continuation:
    """Decide from the ledger; the status is read only to refuse.

    A run that ended is begun anew when a person asks for it by a new value of the
    retry annotation, when one that failed before its first write has a changed
    manifest, or when one that ended because its object was deleted has one again.
    """
    if run is None:
        lost = has_begun(status) and not _asks_since(status, requests.retry_token)
        return Continuation.LEDGER_LOST if lost else Continuation.BEGIN
    if run.copied:
        return Continuation.FORGET if _asks_to_forget(run, requests, status) else Continuation.FOREIGN_RUN
    if _wants_restore_again(run, requests):
        return Continuation.RESTORE_AGAIN
    if _asks_again(run, requests) or _was_mended(run, requests) or _has_an_object_again(run, requests):
        return Continuation.NEW_ATTEMPT
    return Continuation.GO_ON


def is_at_rest(what: Continuation, run: RunRecord | None, requests: Requests) -> bool:
    """Whether nothing is to be done for the object but to show how its run ended."""
    if run is None or what is not Continuation.GO_ON:
        return requests.deleting
    undone = run.phase is Phase.DONE and wants_back(run, requests)
    return run.phase in TERMINAL and (not undone or is_refused_for_good(run, requests))


def clears_the_way(run: RunRecord, requests: Requests) -> bool:
    """Whether a person asks for runs that were copied here to be forgotten, so that this one can go on."""
    return requests.forget_token not in ("", run.forget_token)


def carried_hash(known: RunRecord | None, requests: Requests, status: RoleMigrationStatus | None) -> str:
    """The approval in the manifest if it was given to an attempt before the one that begins, else "".

    Args:
        known: the attempt before; without one the status tells which plan it had.
    """
    stands = requests.approval.plan_hash or ""
    if known is not None:
        given = {known.carried_hash, known.approval.plan_hash if known.approval else ""}
    else:
        given = {status.plan.hash} if is_known(status) and status.plan else set()
    return stands if stands in given else ""


def refused_retry(run: RunRecord, requests: Requests) -> str:
    """Why a new value of the retry annotation begins no attempt of a run at rest, "" where none was set."""
    if requests.retry_token in ("", run.retry_token) or requests.deleting:
        return ""
    if run.phase is Phase.DONE:
        return "a new attempt was asked for, but only a Failed or RolledBack run is retried"
    return "a new attempt was asked for, but spec.desiredState is RolledBack: set it to Migrated"


def is_known(status: RoleMigrationStatus | None) -> TypeGuard[RoleMigrationStatus]:
    """Whether the status speaks of a run that a ledger knew."""
    return status is not None and status.run_id is not None


def has_begun(status: RoleMigrationStatus | None) -> bool:
    """Whether the status says that a run had begun to write; one that lost its ledger had.

    A dry run or a rehearsal that is Done never did.
    """
    if not is_known(status):
        return False
    begun = status.phase not in _NOT_BEGUN and not _says(status, *CONCLUSIONS)
    return begun or _says(status, *_STALLS)


def _says(status: RoleMigrationStatus, *reasons: Reason) -> bool:
    return any(c.type is ConditionType.READY and c.reason in reasons for c in status.conditions)


def _asks_since(status: RoleMigrationStatus | None, token: str) -> bool:
    """Whether somebody asks since the run began that the status speaks of."""
    return _asked_after(status.start_time if status else None, token)


def _asked_after(moment: datetime | None, token: str) -> bool:
    try:
        asked = datetime.fromisoformat(token)
    except ValueError:
        return bool(token)
    return moment is None or asked.tzinfo is None or asked > moment


def _asks_to_forget(run: RunRecord, requests: Requests, status: RoleMigrationStatus | None) -> bool:
    """An old wish that was about another copy does not count."""
    token = requests.forget_token
    is_new = token != run.forget_token and _asked_after(run.created_at, token)
    return is_new and _asks_since(status, token) and not requests.deleting


def _asks_again(run: RunRecord, requests: Requests) -> bool:
    return (
        run.phase in (Phase.FAILED, Phase.ROLLED_BACK)
        and not run.active
        and requests.retry_token not in ("", run.retry_token)
        and requests.rollback is RollbackRequest.NONE
    )


def _wants_restore_again(run: RunRecord, requests: Requests) -> bool:
    """A rollback that failed still occupies its table; a new value of the annotation tries it again."""
    return run.phase is Phase.FAILED and run.active and requests.retry_token not in ("", run.retry_token)


def _was_mended(run: RunRecord, requests: Requests) -> bool:
    return run.phase is Phase.FAILED and run.write is None and run.manifest_hash != requests.manifest_hash


def _has_an_object_again(run: RunRecord, requests: Requests) -> bool:
    """The object was deleted before anything was written, and is there again; nobody wanted the old state."""
    return (
        run.phase is Phase.ROLLED_BACK
        and run.reason is Reason.ROLLED_BACK_ON_REQUEST
        and run.rollback_requested_at is None
        and run.write is None
        and requests.rollback is RollbackRequest.NONE
        and not requests.deleting
    )
