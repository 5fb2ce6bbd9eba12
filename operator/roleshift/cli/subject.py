"""One RoleMigration as the commands see it: the little that they need, read leniently.

The spec isn't validated: a person must be able to look at a run whose manifest the operator refuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roleshift.api import Condition, ConditionType, DesiredState, RoleMigrationStatus, readable_status
from roleshift.engine.report import table_name


@dataclass(frozen=True, slots=True)
class Subject:
    """An object at one moment.

    Attributes:
        table: the target as the manifest names it, with its schema unless that is public.
        suspended: spec.suspend.
    """

    namespace: str
    name: str
    table: str
    generation: int
    desired_state: DesiredState
    suspended: bool
    status: RoleMigrationStatus

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def is_seen(self) -> bool:
        """Whether the status speaks of the spec as it is now."""
        return self.status.observed_generation >= self.generation

    @property
    def ready(self) -> Condition | None:
        """The condition that carries reason and message."""
        return self.condition(ConditionType.READY)

    @property
    def reason(self) -> str:
        """Why the run is where it is; "" before the operator has looked at it."""
        return self.ready.reason if self.ready else ""

    @property
    def message(self) -> str:
        """The sentence that belongs to the reason."""
        return self.ready.message if self.ready else ""

    def condition(self, type: ConditionType) -> Condition | None:  # noqa: A002 - as the field is called
        """The condition of that type, if it stands."""
        return next((c for c in self.status.conditions if c.type is type), None)


def subject_of(body: Mapping[str, Any]) -> Subject:
    """The subject of an object as the API server returns it."""
    metadata, spec = body["metadata"], body.get("spec", {})
    target = spec.get("target", {})
    return Subject(
        namespace=metadata["namespace"],
        name=metadata["name"],
        table=table_name(target.get("schema", "public"), target.get("table", "")),
        generation=metadata.get("generation", 0),
        desired_state=DesiredState(spec.get("desiredState", DesiredState.MIGRATED)),
        suspended=bool(spec.get("suspend", False)),
        status=readable_status(body.get("status", {})) or RoleMigrationStatus(),
    )
