"""How long the backups of a run are kept, and what follows once they are gone. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

from roleshift.api import Phase
from roleshift.engine.outcome import Extent, Outcome, Undo, Wait
from roleshift.engine.run import ArchiveRecord, Image, RunRecord
from roleshift.errors import Reason

Backup = Image | ArchiveRecord


class Removal(StrEnum):
    """Why a backup was removed: its time was over, or its object went with deletionPolicy DeleteBackups."""

    EXPIRED = "Expired"
    OBJECT_DELETED = "ObjectDeleted"


def kept(run: RunRecord) -> tuple[Backup, ...]:
    """The backups of a run that are still there."""
    return tuple(one for one in (run.image, run.archive) if one is not None and one.removed_at is None)


def has_lost_its_backups(run: RunRecord) -> bool:
    """Whether the run had a backup, and all were removed on purpose."""
    return run.image is not None and not kept(run)


def expiry(run: RunRecord, retention_seconds: int) -> datetime | None:
    """When the backups may go: counted from the end of the run; None while it has none, or has not ended."""
    if run.completed_at is None or not kept(run):
        return None
    return run.completed_at + timedelta(seconds=retention_seconds)


def is_out_of_date(run: RunRecord, retention_seconds: int) -> bool:
    """Whether the catalogue has another time than the manifest asks for."""
    due = expiry(run, retention_seconds)
    return due is not None and any(one.expires_at != due for one in kept(run))


def seconds_left(run: RunRecord, now: datetime) -> float | None:
    """Seconds until the first backup of an ended run may go, at least 0; None where nothing goes."""
    times = [one.expires_at for one in kept(run)]
    if run.completed_at is None or run.active or not times:
        return None
    return max(0.0, (min(times) - now).total_seconds())


def unless_removed(run: RunRecord, outcome: Outcome) -> Outcome:
    """A Done run whose backups were removed can't be brought back any more."""
    undoes = isinstance(outcome, Undo) and outcome.extent is Extent.COMMITTED
    if undoes and run.phase is Phase.DONE and has_lost_its_backups(run):
        return Wait(Reason.BACKUP_EXPIRED, refusal(run))
    return outcome


def refusal(run: RunRecord) -> str:
    """Why a rollback is refused, and what can be done."""
    return (
        f"the old roles are asked for, but {removal_message(run)}: nothing is written; set "
        "spec.desiredState: Migrated, and to change the roles again write a new RoleMigration"
    )


def removal_message(run: RunRecord) -> str:
    """What was removed, when and why, of a run that has lost its backups."""
    image = run.image
    assert image is not None
    assert image.removed_at is not None
    why = {
        Removal.EXPIRED: "spec.backup.retentionSeconds was over",
        Removal.OBJECT_DELETED: "the object of its run was deleted with deletionPolicy DeleteBackups",
    }[Removal(image.removal_reason)]
    return f"the image {image.name} was removed at {image.removed_at:%Y-%m-%d %H:%M:%S} UTC: {why}"
