"""Enters a run, as Done, into a ledger that has lost it, from what its backup says of itself."""

from dataclasses import replace

from roleshift.api import Phase
from roleshift.archive.description import ArchivedImage, ArchivedWrite, Description
from roleshift.engine.run import LogOutcome, RunRecord
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import catalogue, image, ledger, write
from roleshift.postgres.catalogue import ArchiveEntry
from roleshift.postgres.image import Figures
from roleshift.postgres.run_rows import PLAN
from roleshift.postgres.session import Session, Timeouts

_TIMEOUTS = Timeouts(lock_seconds=5.0, statement_seconds=60.0)
_ADOPTED = "entered anew from its backup"


async def adopt(
    session: Session,
    found: Description,
    database_identity: str,
    archive: ArchiveEntry | None,
    retention_seconds: int,
) -> None:
    """Enter the run, in one transaction; a ledger that knows its RoleMigration by another run is left alone.

    Args:
        archive: where the backup lies in a store; None where only its image is there.
        retention_seconds: how long the backups stay, from now.

    Raises:
        DatabaseError: BackupDamaged, the backup is of before the write; TableNotFound; LedgerLost, the ledger
            knows another run of the same RoleMigration.
    """
    written = found.write
    if written is None:
        raise DatabaseError(
            Reason.BACKUP_DAMAGED,
            "the backup is of before the write: whether anything was written is unknown",
        )
    async with session.transaction(_TIMEOUTS):
        run = await _inserted(session, found, database_identity)
        await _record(session, run, found, written)
        await _enter_backups(session, run, found.image, archive, retention_seconds)


async def _inserted(session: Session, found: Description, database_identity: str) -> RunRecord:
    owner = found.owner
    new = ledger.NewRun(
        owner.run_id, owner.identity, owner.manifest_hash, owner.attempt, "", database_identity
    )
    await ledger.insert(session, new)
    run = await ledger.find(session, owner.identity)
    if run is None or run.run_id != owner.run_id:
        known = run.run_id if run else "a forgotten one"
        raise DatabaseError(
            Reason.LEDGER_LOST,
            f"the ledger knows another run of {owner.namespace}/{owner.name}, {known}",
        )
    return run


async def _record(session: Session, run: RunRecord, found: Description, written: ArchivedWrite) -> None:
    plan = PLAN.validate_python(found.plan, strict=False)
    oid = await write.named_oid(session, plan.shape)
    if oid is None:
        raise DatabaseError(Reason.TABLE_NOT_FOUND, f"there is no table {found.owner.target_name} any more")
    plan = replace(plan, shape=replace(plan.shape, oid=oid))
    await ledger.record(
        session, run, ledger.Documents(target_oid=oid, target_name=found.owner.target_name, plan=plan)
    )
    line = ledger.LogLine(
        Phase.MIGRATING,
        LogOutcome.SUCCEEDED,
        rows=written.rows,
        kind="UPDATE",
        message=_ADOPTED,
        xid=written.xid,
        written_at=written.written_at,
    )
    await ledger.append(session, run, line)
    end = ledger.Move(Phase.DONE, Reason.MIGRATION_COMPLETED, _ADOPTED, active=False, ended=True)
    await ledger.move(session, run, end)


async def _enter_backups(
    session: Session,
    run: RunRecord,
    kept: ArchivedImage,
    archive: ArchiveEntry | None,
    retention_seconds: int,
) -> None:
    figures = Figures(kept.rows, kept.checksum, kept.bytes)
    await image.record(session, run, kept.arrived, kept.name, figures, kept.references, retention_seconds)
    if archive is not None:
        await catalogue.record_archive(session, run, archive, retention_seconds)
