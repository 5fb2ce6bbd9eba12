"""The catalogue of backups in the ledger: archives, and what was removed. Entries of images are `image`'s."""

from dataclasses import asdict, dataclass

from psycopg import sql

from roleshift.api import BackupMethod
from roleshift.engine.identity import RunIdentity
from roleshift.engine.run import RunRecord
from roleshift.postgres.session import Session
from roleshift.postgres.statements import image_table, in_this_database, statement


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """What the catalogue says of an archive, see `engine.run.ArchiveRecord`."""

    url: str
    rows: int
    bytes: int
    checksum: str
    manifest_sha256: str
    covers_write: bool


async def record_archive(
    session: Session, run: RunRecord, entry: ArchiveEntry, retention_seconds: int
) -> None:
    """Enter a verified archive, or bring its entry up, in the transaction that is open."""
    params = {**asdict(entry), "run_id": run.run_id, "retention": retention_seconds}
    await session.execute(statement("archive_record"), params)


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A backup that is still there; `name` is a table of the ledger, or the URL of an archive."""

    run_id: str
    method: BackupMethod
    name: str


async def kept_backups(session: Session, identity: RunIdentity) -> list[KeptBackup]:
    """The backups of every ended run of an object, whatever its spec was; archives first."""
    params = {
        "cluster_uid": identity.cluster_uid,
        "namespace": identity.namespace,
        "name": identity.name,
    }
    rows = await session.rows(in_this_database("backups_kept"), params)
    return [KeptBackup(row["run_id"], BackupMethod(row["method"]), row["name"]) for row in rows]


async def note_removal(session: Session, backup: KeptBackup, reason: str) -> None:
    """Drop a backup that is a table, and note of any that it was removed, in the transaction that is open."""
    if backup.method is BackupMethod.TABLE:
        await session.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(image_table(backup.name)))
    await session.execute(statement("backup_removed"), {"name": backup.name, "reason": reason})
