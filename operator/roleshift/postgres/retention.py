"""How long backups stay: the catalogue's times, and the removal of images; what was removed stays in it."""

from dataclasses import dataclass

from psycopg import sql
from psycopg.rows import DictRow

from roleshift.api import BackupMethod
from roleshift.engine.identity import ObjectKey, RunIdentity
from roleshift.engine.retention import Removal
from roleshift.engine.run import RunRecord
from roleshift.postgres.session import Session
from roleshift.postgres.statements import image_table, in_this_database, statement

MOST_OVERDUE = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """A backup in the catalogue; `name` is the image's, or the archive's URL."""

    run_id: str
    method: BackupMethod
    name: str


async def set_expiry(session: Session, run: RunRecord, retention_seconds: int) -> None:
    """Let the backups of a run that has ended stay for so many seconds after its end."""
    await session.execute(statement("backup_expiry"), {"run_id": run.run_id, "retention": retention_seconds})


def entries_of(run: RunRecord) -> tuple[Entry, ...]:
    """The backups of a run."""
    image = [Entry(run.run_id, BackupMethod.TABLE, run.image.name)] if run.image else []
    archive = [Entry(run.run_id, BackupMethod.ARCHIVE, run.archive.url)] if run.archive else []
    return (*image, *archive)


async def of_object(session: Session, identity: RunIdentity) -> tuple[Entry, ...]:
    """The backups that are there of every ended run of an object, whatever its spec was."""
    params = {
        "cluster_uid": identity.cluster_uid,
        "namespace": identity.namespace,
        "name": identity.name,
    }
    return tuple(_entry(row) for row in await session.rows(in_this_database("backups_kept"), params))


async def overdue(session: Session, cluster_uid: str) -> tuple[tuple[ObjectKey, Entry], ...]:
    """At most ten images of whatever objects that should be gone, and that this session's role may drop."""
    params = {"most": MOST_OVERDUE, "cluster_uid": cluster_uid}
    rows = await session.rows(in_this_database("backups_overdue"), params)
    return tuple((ObjectKey(row["namespace"], row["object_name"]), _entry(row)) for row in rows)


async def may_go(session: Session, entry: Entry, removal: Removal) -> bool:
    """Whether a backup may be removed; it stays so until the open transaction ends."""
    params = {"run_id": entry.run_id, "method": entry.method, "removal": removal}
    return await session.row_or_none(statement("backup_hold"), params) is not None


async def drop_image(session: Session, entry: Entry) -> None:
    """Drop the table of an image, inside the transaction that is open; gone already is as good."""
    await session.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(image_table(entry.name)))


async def note_removal(session: Session, entry: Entry, removal: Removal) -> None:
    """Note in the catalogue that a backup was removed."""
    params = {"run_id": entry.run_id, "method": entry.method, "removal": removal}
    await session.execute(statement("backup_removed"), params)


def _entry(row: DictRow) -> Entry:
    return Entry(row["run_id"], BackupMethod(row["method"]), row["name"])
