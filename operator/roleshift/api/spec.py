"""The whole spec of a RoleMigration; its parts have modules of their own beside this one."""

from typing import Annotated, ClassVar

from pydantic import Field, StrictBool

from roleshift.api.base import ListOf, Rule, SpecModel
from roleshift.api.connection import Connection
from roleshift.api.mappings import MAX_MAPPINGS, Mapping, Privileges, UnmappedRoles
from roleshift.api.observation import REVERIFY_SECONDS, Observation
from roleshift.api.policy import (
    Approval,
    Backup,
    Checks,
    DeletionPolicy,
    DesiredState,
    Mode,
    Rollback,
    SchemaChanges,
    Validation,
)
from roleshift.api.strategy import Retry, Strategy
from roleshift.api.target import Target
from roleshift.api.window import Maintenance, Window


class RoleMigrationSpec(SpecModel):
    """What the author wants: connection, target and mappings are enough."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="target.columns.seniority",
            message='is "" but a mapping sets a seniority: name the column that receives it, or remove '
            "seniority from the mappings",
            cel="self.target.?columns.?seniority.orValue('seniority_level') != '' || "
            "!self.mappings.exists(m, has(m.seniority))",
            holds=lambda it: it.target.columns.seniority or all(m.seniority is None for m in it.mappings),
        ),
    )

    connection: Connection = Field(description="How the operator reaches the database.")
    target: Target = Field(description="The table whose users are migrated.")
    mappings: Annotated[
        list[Mapping], Field(min_length=1, max_length=MAX_MAPPINGS), ListOf("map", ("from_role",))
    ] = Field(description="Which role becomes which; one entry for each old role.")
    unmapped_roles: UnmappedRoles = Field(
        UnmappedRoles.FAIL,
        description="Rows whose role no mapping names: Fail stops before anything is written, Keep leaves "
        "them alone. A NULL role counts as unmapped.",
    )
    privileges: Privileges = Field(Privileges(), description="Which roles are stronger than others.")
    schema_changes: SchemaChanges = Field(
        SchemaChanges.NONE,
        description="AddMissing: missing enum values and columns become statements of the plan.",
    )
    strategy: Strategy = Field(Strategy(), description="How the rows are written.")
    mode: Mode = Field(
        Mode.APPLY,
        description="Apply writes. DryRun checks, plans and prepares every statement. Rehearse does the "
        "whole run in a transaction that is rolled back. May go to Apply, not back.",
    )
    desired_state: DesiredState = Field(
        DesiredState.MIGRATED, description="RolledBack asks for the old roles."
    )
    suspend: StrictBool = Field(
        default=False, description="Whether the run rests; a write that has begun ends."
    )
    approval: Approval = Field(Approval(), description="Whether a person must agree to the plan.")
    backup: Backup = Field(Backup(), description="How the old roles are kept.")
    checks: Checks = Field(Checks(), description="The gate before the first write.")
    validation: Validation = Field(
        Validation(), description="What must be true of the data before it counts as migrated."
    )
    observation: Observation | None = Field(
        None, description="What is watched once the data is in place. Absent: nothing."
    )
    rollback: Rollback = Field(Rollback(), description="When and how the old roles come back.")
    window: Window | None = Field(None, description="When the run may begin to write. Absent: at once.")
    maintenance: Maintenance | None = Field(
        None, description="What stands still during the write. Absent: nothing."
    )
    retry: Retry = Field(Retry(), description="Attempts after the first write, and the pauses between them.")
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.RETAIN,
        description="What becomes of the backups when the object is deleted; data is never rolled back.",
    )

    @property
    def reverify_seconds(self) -> int:
        """How often a Done run is verified again, in seconds, whether or not it is observed."""
        return self.observation.reverify_seconds if self.observation else REVERIFY_SECONDS
