"""What a run was estimated to cost, and what its steps really took. Values and words; pure."""

from dataclasses import dataclass

from roleshift.api import WALOf


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run is estimated to cost; None where what the estimate needs could not be measured.

    Attributes:
        seconds: for which other writers wait, see engine.transaction_time.
        wal_bytes: of image and write, see engine.space.
        image_bytes: of the before-image.
    """

    seconds: int | None = None
    wal_bytes: int | None = None
    image_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step took, by the server's clock and WAL.

    Attributes:
        work_seconds: of making the image, or of the UPDATEs alone.
        lock_seconds: from LOCK to COMMIT; None where nothing was locked. What stands in the ledger before
            the COMMIT lacks the time that the COMMIT itself takes.
        wal_bytes: with WALOf.SERVER what others wrote meanwhile is in it.
    """

    work_seconds: float
    lock_seconds: float | None
    wal_bytes: int
    wal_of: WALOf
