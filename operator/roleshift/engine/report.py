"""The report of a run as one document, made of its status alone. Pure.

Whoever may read the object may read it; a command prints it, and whoever keeps it elsewhere keeps the same.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from roleshift.api import ConditionType, PlanStatus, RoleMigrationStatus, WALOf
from roleshift.api.base import StatusModel


@dataclass(frozen=True, slots=True)
class Comparison:
    """One estimate of the plan and what it came to.

    Attributes:
        unit: of both: seconds or bytes.
        note: what has to be known of the measurement, or "".
    """

    what: str
    unit: str
    estimated: float | None
    measured: float
    note: str = ""


def comparisons(status: RoleMigrationStatus) -> tuple[Comparison, ...]:
    """Every estimate that something came of."""
    plan = status.plan
    if plan is None:
        return ()
    image = status.backup.bytes if status.backup else None
    return (*_of_write(plan), *_of_image(plan, image))


def _of_write(plan: PlanStatus) -> Iterator[Comparison]:
    if plan.measured_seconds is not None:
        write = plan.measured_write_seconds
        note = "" if write is None else f"of these {write:g} for the UPDATE"
        yield Comparison("lock", "seconds", plan.estimated_seconds, plan.measured_seconds, note)
    if plan.measured_wal_bytes is not None:
        note = "what others wrote meanwhile included" if plan.measured_wal_of is WALOf.SERVER else ""
        yield Comparison("wal", "bytes", plan.estimated_wal_bytes, plan.measured_wal_bytes, note)


def _of_image(plan: PlanStatus, image: int | None) -> Iterator[Comparison]:
    if image is not None:
        yield Comparison("image", "bytes", plan.estimated_image_bytes, image)


def table_name(schema: str, table: str) -> str:
    """The target as a report names it."""
    return table if schema == "public" else f"{schema}.{table}"


def report_document(namespace: str, name: str, table: str, status: RoleMigrationStatus) -> dict[str, Any]:
    """The report as JSON: parts of the status under their own names, and what follows from them."""
    return {
        "namespace": namespace,
        "name": name,
        "table": table,
        "summary": _summary(status),
        "plan": _dumped(status.plan),
        "timeline": [step.dump() for step in status.steps],
        "estimates": [_plain(one) for one in comparisons(status)],
        "safety": _dumped(status.safety),
        "backup": _dumped(status.backup),
        "validation": _dumped(status.validation),
        "rollback": _dumped(status.rollback),
    }


def _summary(status: RoleMigrationStatus) -> dict[str, Any]:
    ready = next((one for one in status.conditions if one.type is ConditionType.READY), None)
    shown = status.dump()
    begun, ended = status.start_time, status.completion_time
    return {
        "phase": shown["phase"],
        "ready": ready.status if ready else "Unknown",
        "reason": ready.reason if ready else "",
        "message": ready.message if ready else "",
        "runID": status.run_id,
        "startTime": shown.get("startTime"),
        "completionTime": shown.get("completionTime"),
        "seconds": (ended - begun).total_seconds() if begun and ended else None,
        "attempts": status.attempts,
    }


def _plain(one: Comparison) -> dict[str, Any]:
    return {key: value for key, value in asdict(one).items() if value not in (None, "")}


def _dumped(part: StatusModel | None) -> dict[str, Any] | None:
    return None if part is None else part.dump()
