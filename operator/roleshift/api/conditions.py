"""The conditions of a RoleMigration, by kstatus: what `kubectl wait`, Flux and Argo CD read."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictInt

from roleshift.api.base import StatusModel
from roleshift.api.scalars import Text, Time


class ConditionType(StrEnum):
    """Ready and Succeeded always stand, Reconciling and Stalled only while True, the rest once known."""

    READY = "Ready"
    SUCCEEDED = "Succeeded"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    PRECHECKS_PASSED = "PrechecksPassed"
    APPROVED = "Approved"
    BACKUP_READY = "BackupReady"
    DATA_CONSISTENT = "DataConsistent"
    OBSERVED = "Observed"
    ROLLBACK_RECOMMENDED = "RollbackRecommended"


class ConditionStatus(StrEnum):
    """Three values, as everywhere in Kubernetes."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(StatusModel):
    """One observation about the run."""

    type: ConditionType = Field(description="What the condition is about.")
    status: ConditionStatus = Field(description="Whether it holds.")
    reason: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z]([A-Za-z0-9_]*)$")] = Field(
        description="One PascalCase word from the closed set of reasons."
    )
    message: Text = Field(description="What happened and what to do.")
    last_transition_time: Time = Field(description="When the status last changed.")
    observed_generation: StrictInt | None = Field(
        None, ge=0, description="The generation of the spec that the condition was judged for."
    )
