"""What becomes of a look that met an error: the object says why, and is looked at again later."""

from roleshift.api import Phase, RoleMigration
from roleshift.controller.desk import Desk
from roleshift.controller.resting import let_go
from roleshift.controller.views import waiting_view
from roleshift.engine.attempts import has_begun, is_known
from roleshift.engine.outcome import Fail, Wait
from roleshift.engine.run import RunRecord
from roleshift.engine.settlement import given_up
from roleshift.engine.transitions import BEFORE_FIRST_WRITE, TERMINAL
from roleshift.errors import Reason, RoleshiftError, SpecError


async def postponed(desk: Desk, run: RunRecord | None, error: RoleshiftError) -> float | None:
    """Something that the run needs is not there: seconds until the next look, None to rest.

    Args:
        run: as the ledger had it last, None while no database was reached.
    """
    if isinstance(error, SpecError):
        _show_unreadable(desk, error)
        return None
    desk.reporter.error(error, run.run_id if run else "")
    migration, requests = desk.look()
    desk.absence.look_again()
    if requests.deleting and await _is_let_go(desk, run, migration, error):
        return None
    ended = _ended_by(desk, run, migration, error)
    if ended is not None:
        desk.fail(ended.reason, ended.message)
        return None
    _show_postponed(desk, run, migration, error)
    desk.patience.look_again()
    pause = desk.patience.pause(migration.spec.retry.max_backoff_seconds)
    return min(pause, desk.ports.rules.let_go_seconds) if requests.deleting else pause


def _ended_by(
    desk: Desk, run: RunRecord | None, migration: RoleMigration, error: RoleshiftError
) -> Fail | None:
    """The end of a run that has written nothing and that no pause helps."""
    phase = run.phase if run else Phase.PENDING
    if has_begun(migration.status):
        return None
    if not error.retryable and phase in BEFORE_FIRST_WRITE:
        return Fail(error.reason, error.message)
    outcome = given_up(phase, Wait(error.reason, error.message), desk.patience.seconds)
    return outcome if isinstance(outcome, Fail) else None


def _show_postponed(
    desk: Desk, run: RunRecord | None, migration: RoleMigration, error: RoleshiftError
) -> None:
    """What the status says of a run that can't be asked for stands; of one that has ended, all of it."""
    status = migration.status
    if run is not None or status is None or not is_known(status):
        desk.reporter.show(waiting_view(run, error.reason, error.message))
    elif status.phase not in TERMINAL or status.observed_generation != migration.metadata.generation:
        desk.reporter.show_unreachable(error.reason, error.message)


def show_bug(desk: Desk, run: RunRecord | None, error: Exception) -> None:
    """A bug must not leave the object without a word; who started this worker logs it and tries again."""
    message = f"{type(error).__name__}; the operator's log has the rest, and the run is tried again"
    if run is None and is_known(desk.status):
        desk.reporter.show_unreachable(Reason.INTERNAL_ERROR, message)
    else:
        desk.reporter.show(waiting_view(run, Reason.INTERNAL_ERROR, message))


def _show_unreadable(desk: Desk, error: SpecError) -> None:
    if has_begun(desk.status):
        desk.reporter.show_unreachable(error.reason, error.message)
    else:
        desk.fail(error.reason, error.message)


async def _is_let_go(
    desk: Desk, run: RunRecord | None, migration: RoleMigration, error: RoleshiftError
) -> bool:
    """An object that is being deleted does not wait for ever for a database, Secret or store that is gone."""
    deleted_at, patience = migration.metadata.deletion_timestamp, desk.ports.rules.let_go_seconds
    waited = (desk.ports.now() - deleted_at).total_seconds() if deleted_at else 0.0
    if min(waited, desk.absence.seconds) < patience:
        return False
    await let_go(desk, run, error.reason, error.message)
    return True
