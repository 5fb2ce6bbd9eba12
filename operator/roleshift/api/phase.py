"""The phases of a run, as `kubectl get rolemig` shows them. Which moves are legal is engine's business."""

from enum import StrEnum


class Phase(StrEnum):
    """Where a run is. Done, RolledBack and Failed are ends; a retry or a rollback leaves them again."""

    PENDING = "Pending"
    CHECKING = "Checking"
    BACKING_UP = "BackingUp"
    MIGRATING = "Migrating"
    VALIDATING = "Validating"
    DONE = "Done"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"
