"""spec.window and spec.maintenance: when a run may write, and what stands still meanwhile."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from roleshift.api.base import ListOf, Rule, SpecModel
from roleshift.api.scalars import DataKey, ObjectName


class WorkloadKind(StrEnum):
    """Workloads that can be scaled to zero."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"


class Window(SpecModel):
    """When a run may begin to write; a write that has begun is finished."""

    schedule: Annotated[str, Field(min_length=9, max_length=128, pattern=r"^\S+( +\S+){4}$")] = Field(
        description="When the window opens: a cron expression of five fields."
    )
    duration_seconds: StrictInt = Field(
        ge=1, le=604_800, description="How long the window stays open, in seconds."
    )
    time_zone: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")] = Field(
        "UTC", description="Time zone of the schedule, by its IANA name."
    )


class MaintenanceFlag(SpecModel):
    """A key of a ConfigMap that the application reads."""

    name: ObjectName = Field(description="Name of the ConfigMap.")
    key: DataKey = Field(description="Key that is set for the time of the write.")
    value: Annotated[str, Field(max_length=1024)] = Field(
        description="Value for that time; the old one comes back."
    )


class Workload(SpecModel):
    """A workload that is scaled to zero for the time of the write."""

    kind: WorkloadKind = Field(description="Kind of the workload.")
    name: ObjectName = Field(description="Name of the workload.")


class Maintenance(SpecModel):
    """What stands still during the write; restored at the end whatever happens."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="",
            message="must have configMap or workloads: say what stands still, or remove maintenance",
            cel="has(self.configMap) || (has(self.workloads) && size(self.workloads) > 0)",
            holds=lambda it: it.config_map is not None or it.workloads,
        ),
    )

    config_map: MaintenanceFlag | None = Field(
        None, description="Flag that the application reads. Absent: none is set."
    )
    workloads: Annotated[list[Workload], Field(max_length=16), ListOf("map", ("kind", "name"))] = Field(
        [], description="Workloads that are scaled to zero. Default: none."
    )
    ready_timeout_seconds: StrictInt = Field(
        300, ge=1, le=3600, description="Longest wait for workloads to stop or to be ready again, in seconds."
    )
