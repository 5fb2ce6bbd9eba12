"""How right the estimates were: what image and write really took, beside what the plan said. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from roleshift.api import Phase, WALOf
from roleshift.engine.amounts import amount, measured_seconds
from roleshift.engine.run import RunRecord


@dataclass(frozen=True, slots=True)
class Measured:
    """What a committed write took.

    Attributes:
        lock_seconds: from LOCK to COMMIT, for which other writers waited at most.
        write_seconds: of that, the UPDATEs.
        wal_bytes: of image and write; None where the image was not measured.
        wal_of: WALOf.SERVER where what others wrote meanwhile is in it.
    """

    lock_seconds: float
    write_seconds: float
    wal_bytes: int | None
    wal_of: WALOf


def measured(run: RunRecord) -> Measured | None:
    """What the run's write took; None before it was committed, and where an older version wrote."""
    image, write = run.taken(Phase.BACKING_UP), run.taken(Phase.MIGRATING)
    if run.write is None or write is None or write.lock_seconds is None:
        return None
    alone = image is not None and image.wal_of is write.wal_of is WALOf.BACKEND
    return Measured(
        lock_seconds=write.lock_seconds,
        write_seconds=write.work_seconds,
        wal_bytes=write.wal_bytes + image.wal_bytes if image else None,
        wal_of=WALOf.BACKEND if alone else WALOf.SERVER,
    )


def told(run: RunRecord, step: Phase) -> str:
    """What a step took and what was estimated, "" where nothing was measured."""
    match step:
        case Phase.BACKING_UP:
            return "; ".join(_of_image(run))
        case Phase.MIGRATING:
            return "; ".join(_of_write(run))
        case _:
            return ""


def _of_image(run: RunRecord) -> Iterator[str]:
    taken = run.taken(Phase.BACKING_UP)
    if taken is None or run.image is None:
        return
    estimated = run.plan.estimated_image_bytes if run.plan else None
    yield f"took {measured_seconds(taken.work_seconds)}"
    yield amount(run.image.bytes) + ("" if estimated is None else f" (about {amount(estimated)} estimated)")


def _of_write(run: RunRecord) -> Iterator[str]:
    found = measured(run)
    if found is None:
        return
    seconds, wal = (run.plan.estimated_seconds, run.plan.estimated_wal_bytes) if run.plan else (None, None)
    expected = "" if seconds is None else f" (about {seconds} s estimated)"
    yield f"the UPDATE took {measured_seconds(found.write_seconds)}"
    yield f"the table was locked for {measured_seconds(found.lock_seconds)}{expected}"
    if found.wal_bytes is not None:
        others = ", what others wrote meanwhile included" if found.wal_of is WALOf.SERVER else ""
        expected = "" if wal is None else f" (about {amount(wal)} estimated)"
        yield f"{amount(found.wal_bytes)} of WAL with the image{others}{expected}"
