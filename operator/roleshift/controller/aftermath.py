"""What an ended run leaves behind: backups for their time, a report, a finalizer that has work to do."""

from functools import partial

from roleshift.api import DeletionPolicy, RoleMigration
from roleshift.archive.folder import RunFolder
from roleshift.cluster.events import EventType
from roleshift.cluster.reports import ReportTakenError
from roleshift.controller.desk import Desk
from roleshift.engine.kept_report import MOST_BYTES, Conflicts, kept_report, report_due
from roleshift.engine.report import report_document, table_name
from roleshift.engine.requests import Requests
from roleshift.engine.retention import Removal, is_out_of_date, seconds_left
from roleshift.engine.run import RunRecord
from roleshift.engine.situation import undoes_a_write
from roleshift.errors import RoleshiftError, SpecError, StoreError
from roleshift.phases import removing
from roleshift.phases.removing import RemoveArchive
from roleshift.postgres import ledger, retention, rollback_log
from roleshift.postgres.retention import Entry
from roleshift.postgres.session import Session
from roleshift.telemetry.logs import run_logger
from roleshift.telemetry.redaction import redactor

AGAIN_SECONDS = 600.0
"""Until what could not be done at the end of a run is tried again."""
REMOVED = "BackupRemoved"
NOT_REMOVED = "BackupNotRemoved"
NOT_REPORTED = "ReportNotWritten"
_SHORTEST_SECONDS = 1.0
_WHY = {
    Removal.EXPIRED: "its time was over (spec.backup.retentionSeconds)",
    Removal.OBJECT_DELETED: "the object is deleted and its deletionPolicy is DeleteBackups",
}


async def settled_down(
    desk: Desk, control: Session, run: RunRecord, migration: RoleMigration, requests: Requests
) -> RunRecord:
    """See to the backups and the finalizer of a run that has ended and occupies nothing; the run then.

    Raises:
        ObjectChangedError: the object is not any more what was looked at.
        RoleshiftError: backups that have to go with the object could not be removed.
    """
    deletes = migration.spec.deletion_policy is DeletionPolicy.DELETE_BACKUPS
    if requests.deleting:
        if deletes:
            await _remove_all(desk, control, run, migration)
        await desk.hold.release()
        return run
    run = await _kept_in_time(desk, control, run, migration, requests)
    if deletes and await retention.of_object(control, run.identity):
        await desk.hold.take()
    else:
        await desk.hold.release()
    return run


async def _remove_all(desk: Desk, control: Session, run: RunRecord, migration: RoleMigration) -> None:
    for entry in await retention.of_object(control, run.identity):
        await _removed(desk, control, entry, Removal.OBJECT_DELETED, partial(_from_store, desk, migration))


async def _kept_in_time(
    desk: Desk, control: Session, run: RunRecord, migration: RoleMigration, requests: Requests
) -> RunRecord:
    """Keep the backups for as long as the manifest says, and look again when that time is over.

    What goes wrong changes nothing of the run: it is told, and tried again.
    """
    try:
        if is_out_of_date(run, migration.spec.backup.retention_seconds):
            await retention.set_expiry(control, run, migration.spec.backup.retention_seconds)
            run = await _read_again(control, run)
        if seconds_left(run, desk.ports.now()) == 0.0 and not undoes_a_write(run, requests):
            run = await _expired(desk, control, run, migration)
    except RoleshiftError as error:
        desk.reporter.error(error, run.run_id)
        _tell(desk, EventType.WARNING, NOT_REMOVED, f"{error.reason}: {error.message}; it is tried again")
        desk.look_after(AGAIN_SECONDS)
        return run
    left = seconds_left(run, desk.ports.now())
    if left is not None:
        desk.look_after(max(_SHORTEST_SECONDS, left) if left else AGAIN_SECONDS)
    return run


async def _expired(desk: Desk, control: Session, run: RunRecord, migration: RoleMigration) -> RunRecord:
    for entry in retention.entries_of(run):
        await _removed(desk, control, entry, Removal.EXPIRED, partial(_from_store, desk, migration))
    return await _read_again(control, run)


async def _from_store(desk: Desk, migration: RoleMigration, entry: Entry) -> None:
    """Take an archive out of the store in which it was put, with the credentials that stand now."""
    try:
        address = await desk.store.read(migration)
    except SpecError as error:
        message = f"{entry.name} can't be removed without the credentials of its store: {error.message}"
        raise StoreError(error.reason, message, retryable=True) from error
    await RunFolder.at(entry.name, address, entry.run_id).remove()


async def _removed(
    desk: Desk, control: Session, entry: Entry, removal: Removal, remove_archive: RemoveArchive
) -> None:
    if await removing.remove(control, entry, removal, remove_archive):
        message = f"the backup {entry.name} of run {entry.run_id} was removed: {_WHY[removal]}"
        _tell(desk, EventType.NORMAL, REMOVED, message)


def _tell(desk: Desk, kind: EventType, what: str, message: str) -> None:
    ref = desk.reporter.ref
    desk.ports.emit(ref, kind, what, message)
    run_logger(ref.namespace, ref.name, "").info("ended run", what=what, message=message)


async def _read_again(control: Session, run: RunRecord) -> RunRecord:
    current = await ledger.find(control, run.identity)
    return current if current is not None and current.run_id == run.run_id else run


async def clear_overdue(desk: Desk, control: Session) -> None:
    """Remove a few images of runs that no object has any more, long after their time.

    One that can't go is left to the next, and one whose object is there to that object's worker.
    """
    try:
        for key, entry in await retention.overdue(control, desk.ports.cluster_uid):
            if await desk.ports.run_of(key) != entry.run_id:
                await _removed(desk, control, entry, Removal.EXPIRED, _no_archive)
    except RoleshiftError as error:
        desk.reporter.error(error, "")


async def _no_archive(entry: Entry) -> None:
    raise AssertionError(f"{entry.name} is no image")


async def report(
    desk: Desk, control: Session, run: RunRecord, migration: RoleMigration, requests: Requests
) -> None:
    """Keep the report of a run in the cluster, once; what goes wrong changes nothing of the run."""
    due = report_due(run, migration.metadata.uid)
    if not due or requests.deleting:
        return
    try:
        await _written(desk, control, run, migration)
        await ledger.record(control, run, ledger.Documents(reported=due))
    except RoleshiftError as error:
        desk.reporter.error(error, run.run_id)
        if error.retryable:
            desk.look_after(AGAIN_SECONDS)


async def _written(desk: Desk, control: Session, run: RunRecord, migration: RoleMigration) -> None:
    """Write the report; one whose place is taken is told once."""
    found = await rollback_log.conflicts_of(control, run, MOST_BYTES) if run.rollback else Conflicts()
    ref, target = desk.reporter.ref, migration.spec.target
    table = table_name(target.schema_name, target.table)
    document = redactor.clean(report_document(ref.namespace, ref.name, table, desk.reporter.shown))
    try:
        await desk.ports.reports.write(ref, kept_report(document, run.run_id, found))
    except ReportTakenError as error:
        _tell(desk, EventType.WARNING, NOT_REPORTED, error.message)
