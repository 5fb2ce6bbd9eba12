"""Whether an object begins a run, goes on with one, or begins a new attempt. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import TypeGuard

from roleshift.api import ConditionType, Phase, RoleMigrationStatus
from roleshift.api.fields import CONCLUSIONS
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.engine.steps import RollbackRequest
from roleshift.errors import Reason

_NOT_BEGUN = frozenset({Phase.PENDING, Phase.CHECKING, Phase.FAILED})


class Continuation(StrEnum):
    """What to do with an object and the run that the ledger knows of it."""

    BEGIN = "Begin"
    GO_ON = "GoOn"
    NEW_ATTEMPT = "NewAttempt"
    RESTORE_AGAIN = "RestoreAgain"
    LEDGER_LOST = "LedgerLost"


def continuation(
    run: RunRecord | None, requests: Requests, status: RoleMigrationStatus | None
) -> Continuation:
    """Decide from the ledger; the status is read only to refuse.

    A run that ended is begun anew when a person asks for it by a new value of the
    retry annotation, or when one that failed before its first write has a changed
    manifest.
    """
    if run is None:
        lost = has_begun(status) and not _asks_since(status, requests)
        return Continuation.LEDGER_LOST if lost else Continuation.BEGIN
    if _wants_restore_again(run, requests):
        return Continuation.RESTORE_AGAIN
    if _asks_again(run, requests) or _was_mended(run, requests):
        return Continuation.NEW_ATTEMPT
    return Continuation.GO_ON


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
    return begun or _says(status, Reason.LEDGER_LOST)


def _says(status: RoleMigrationStatus, *reasons: Reason) -> bool:
    return any(c.type is ConditionType.READY and c.reason in reasons for c in status.conditions)


def _asks_since(status: RoleMigrationStatus | None, requests: Requests) -> bool:
    """Whether somebody asks for a new attempt, and not just for that which the status speaks of."""
    started = status.start_time if status else None
    try:
        asked = datetime.fromisoformat(requests.retry_token)
    except ValueError:
        return bool(requests.retry_token)
    return started is None or asked.tzinfo is None or asked > started


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
