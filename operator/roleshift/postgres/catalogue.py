"""The archives in the ledger's catalogue of backups; entries of images are `image`'s."""

from dataclasses import asdict, dataclass

from roleshift.engine.run import RunRecord
from roleshift.postgres.session import Session
from roleshift.postgres.statements import statement


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
