"""Objects for which nothing is to be done now: at their end, stalled, superseded, or given up."""

from roleshift.api import RoleMigration
from roleshift.cluster.events import EventType
from roleshift.controller import aftermath
from roleshift.controller.desk import Desk
from roleshift.controller.views import ended_view, refused_view, waiting_view
from roleshift.engine.attempts import Continuation, refused_retry
from roleshift.engine.neighbours import forget_command, superseded
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.engine.situation import is_refused_for_good, undoes_a_write
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import neighbours
from roleshift.postgres.session import Session

_LEDGER_LOST = (
    "the status says that a run had begun, but the database has no ledger row for it: was it restored, or "
    "does spec.connection lead to another one? Nothing is written; put the connection back, or look at the "
    "table and then set the annotation roleshift.dev/retryRequestedAt to begin anew"
)


async def rest(
    desk: Desk, control: Session, run: RunRecord | None, migration: RoleMigration, requests: Requests
) -> None:
    """Show the end of a run with what is left of it, and let the object go where nothing holds it."""
    if run is None:
        await desk.hold.release()
        return
    if not run.active:
        run = await aftermath.settled_down(desk, control, run, migration, requests)
    _show_end(desk, run, requests)
    await aftermath.report(desk, control, run, migration, requests)
    if run.active and requests.deleting:
        await let_go(desk, run, run.reason, run.message)


def _show_end(desk: Desk, run: RunRecord, requests: Requests) -> None:
    if is_refused_for_good(run, requests):
        desk.reporter.show_refused(refused_view(run))
    else:
        desk.reporter.show_end(ended_view(run), refused_retry(run, requests))


async def stall(desk: Desk, what: Continuation, run: RunRecord | None, requests: Requests) -> None:
    """A run that is not in this database, or was not made in it: say so and write nothing."""
    reason, message = Reason.LEDGER_LOST, _LEDGER_LOST
    if what is Continuation.FOREIGN_RUN and run is not None:
        reason, message = Reason.FOREIGN_RUN, _foreign(run)
    desk.reporter.show_stalled(reason, message)
    if requests.deleting and desk.hold.is_held:
        await let_go(desk, run, reason, message)


def _foreign(run: RunRecord) -> str:
    key = run.identity
    return (
        f"the run that the ledger knows (row {run.run_id}, {run.phase}) was made in another database, and "
        "came here with a copy of it: nothing is written; put spec.connection back if it leads to the wrong "
        f"database, or run: {forget_command(key.namespace, key.name)}, which clears the copied runs of that "
        "name and their images, and begins anew"
    )


def not_forgotten(desk: Desk, error: DatabaseError) -> None:
    """A copied run could not be forgotten, which is tried again: it stays what it is, and says why."""
    desk.reporter.show_stalled(
        Reason.FOREIGN_RUN, f"the copied run could not be forgotten yet: {error.reason}: {error.message}"
    )


async def stand_back(
    desk: Desk, control: Session, run: RunRecord | None, migration: RoleMigration, requests: Requests
) -> float | None:
    """Refuse a rollback while a later run on the table stands, without a word to the ledger.

    Returns:
        Seconds until it is looked at again; None where nothing is in the way.
    """
    if run is None or not undoes_a_write(run, requests):
        return None
    newer = await neighbours.newer(control, run)
    if newer is None:
        return None
    refusal = superseded(run, newer)
    desk.reporter.show(waiting_view(run, refusal.reason, refusal.message))
    await aftermath.settled_down(desk, control, run, migration, requests)
    desk.patience.look_again()
    return desk.patience.pause(migration.spec.retry.max_backoff_seconds)


async def let_go(desk: Desk, run: RunRecord | None, reason: Reason, why: str) -> None:
    """Give the object up although its run occupies the table; the ledger row stays as it is."""
    status = desk.status
    row = run.run_id if run else status.run_id if status else None
    message = (
        f"the object goes although its run (ledger row {row or 'unknown'}) could not be ended: {why}; "
        "apply the same manifest again to finish it"
    )
    desk.ports.emit(desk.reporter.ref, EventType.WARNING, reason, message)
    await desk.hold.release()
