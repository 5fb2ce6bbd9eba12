"""What a person allows: mode, approval, backup, checks and waivers, assertions, rollback, deletion."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StrictFloat, StrictInt

from roleshift.api.base import ListOf, Matches, Rule, SpecModel
from roleshift.api.connection import SecretRef
from roleshift.api.safety import NEVER_WAIVED, CheckName
from roleshift.api.scalars import EntryName, Query, Time

PLAN_HASH = Matches(
    r"^sha256:\S+$",
    "must be the hash of a plan, sha256:… without spaces: copy it from status.plan.hash, or from what "
    "roleshift plan prints",
)


class SchemaChanges(StrEnum):
    """Whether missing enum values and columns are added by the run."""

    NONE = "None"
    ADD_MISSING = "AddMissing"


class Mode(StrEnum):
    """Apply writes; DryRun writes nothing; Rehearse writes in a transaction that is rolled back."""

    APPLY = "Apply"
    DRY_RUN = "DryRun"
    REHEARSE = "Rehearse"


class DesiredState(StrEnum):
    """Where the author wants the table to be."""

    MIGRATED = "Migrated"
    ROLLED_BACK = "RolledBack"


class ApprovalPolicy(StrEnum):
    """Whether a plan waits for a person."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class BackupMethod(StrEnum):
    """Table: an image beside the target. Archive: a copy of it in an object store as well."""

    TABLE = "Table"
    ARCHIVE = "Archive"


class RollbackPolicy(StrEnum):
    """What a failed verification or observation leads to before Done."""

    AUTOMATIC = "Automatic"
    RECOMMEND = "Recommend"
    NEVER = "Never"


class OnConflict(StrEnum):
    """What a rollback does with a role that someone changed after the migration."""

    SKIP = "Skip"
    OVERWRITE = "Overwrite"
    FAIL = "Fail"


class DeletionPolicy(StrEnum):
    """What becomes of the backups when the object is deleted."""

    RETAIN = "Retain"
    DELETE_BACKUPS = "DeleteBackups"


class Approval(SpecModel):
    """Whether a person must agree to the plan."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="planHash",
            message="only counts with policy: Manual: set the policy to Manual, or remove planHash",
            cel="!has(self.planHash) || self.?policy.orValue('Automatic') == 'Manual'",
            holds=lambda it: it.plan_hash is None or it.policy is ApprovalPolicy.MANUAL,
        ),
    )

    policy: ApprovalPolicy = Field(
        ApprovalPolicy.AUTOMATIC,
        description="Automatic: go on when the gate is passed. Manual: wait until planHash is the plan's.",
    )
    plan_hash: Annotated[str, Field(max_length=80), PLAN_HASH] | None = Field(
        None, description="status.plan.hash of the plan that was read and approved. Absent: not approved."
    )


class Archive(SpecModel):
    """An object store that keeps a copy of the image."""

    url: Annotated[
        str, Field(min_length=6, max_length=1024, pattern=r"^(s3://|gs://|az://|file:///)[^@]+$")
    ] = Field(
        description="Bucket and prefix: s3://, gs:// or az://; file:/// only below a directory that the "
        "operator was started with. No credentials in it."
    )
    secret_ref: SecretRef | None = Field(
        None, description="Secret with the store's credentials. Absent: the operator's own identity."
    )


class Backup(SpecModel):
    """How the old roles are kept."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="methods",
            message="must contain Table: a rollback restores from it; add Table",
            cel="!has(self.methods) || 'Table' in self.methods",
            holds=lambda it: BackupMethod.TABLE in it.methods,
        ),
        Rule(
            field="archive",
            message="must be set exactly when methods contains Archive: set both or none",
            cel="has(self.archive) == (has(self.methods) && 'Archive' in self.methods)",
            holds=lambda it: (it.archive is not None) == (BackupMethod.ARCHIVE in it.methods),
        ),
    )

    methods: Annotated[list[BackupMethod], Field(min_length=1, max_length=2), ListOf("set")] = Field(
        [BackupMethod.TABLE], description="Where the image is kept; must contain Table."
    )
    archive: Archive | None = Field(
        None, description="Object store for the method Archive. Absent: no archive."
    )
    retention_seconds: StrictInt = Field(
        2_592_000, ge=1, le=315_360_000, description="Seconds that backups are kept after the run (30 days)."
    )


class Waiver(SpecModel):
    """A check that may fail until a date, and why."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="check",
            message=f"can't be waived ({', '.join(sorted(NEVER_WAIVED))}): repair what it reports and "
            "remove the waiver",
            cel=f"!(self.check in {sorted(str(name) for name in NEVER_WAIVED)})",
            holds=lambda it: it.check not in NEVER_WAIVED,
        ),
    )

    check: CheckName = Field(description="Name of the check.")
    reason: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description="Why it may fail; stands in the report."
    )
    expires: Time = Field(description="When the waiver ends (RFC 3339).")


class Limits(SpecModel):
    """What the checks measure against."""

    # The API server compares a whole number with the bound cut to one, so that 0 would pass 0.01.
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="maxLoadPerCPU",
            message="must be at least 0.01: write the load average that each processor may have",
            cel="self.?maxLoadPerCPU.orValue(2.0) >= 0.01",
            holds=lambda it: it.max_load_per_cpu >= 0.01,
        ),
    )

    max_connections_percent: StrictInt = Field(
        80, ge=1, le=100, description="Connections in use, in percent of max_connections."
    )
    max_database_bytes: StrictInt | None = Field(
        None,
        ge=1,
        le=1_000_000_000_000_000_000,
        description="Size that the database may reach with the backup, in bytes. Absent: no limit.",
    )
    max_replication_lag_seconds: StrictInt = Field(
        30, ge=0, le=86_400, description="Lag of any standby, in seconds."
    )
    max_long_transaction_seconds: StrictInt = Field(
        300, ge=1, le=604_800, description="Age of the oldest transaction, in seconds."
    )
    max_active_users: StrictInt = Field(
        50, ge=0, le=1_000_000, description="Other sessions that use the target."
    )
    min_free_memory_percent: StrictInt = Field(
        10, ge=0, le=100, description="Free memory of the server, in percent."
    )
    max_load_per_cpu: StrictFloat = Field(
        2.0, ge=0.01, le=1000.0, description="Load average divided by processors."
    )
    max_io_pressure_percent: StrictInt = Field(
        40, ge=0, le=100, description="Time stalled on I/O, in percent."
    )
    max_transaction_seconds: StrictInt = Field(
        60, ge=1, le=86_400, description="Estimated seconds of a Transaction; above it, use Batched."
    )


class Checks(SpecModel):
    """The gate before the first write."""

    minimum_score: StrictInt = Field(
        90, ge=0, le=100, description="Safety score that must be reached, 0 to 100."
    )
    waivers: Annotated[list[Waiver], Field(max_length=24), ListOf("map", ("check",))] = Field(
        [], description="Checks that may fail until a date. Default: none."
    )
    limits: Limits = Field(Limits(), description="What the checks measure against.")


class Assertion(SpecModel):
    """A query whose answer the author knows."""

    name: EntryName = Field(description="Name in status and report.")
    query: Query = Field(description="One read-only statement that returns one row with one column.")
    expected: Annotated[str, Field(max_length=64)] = Field(description="The answer, as text.")


class Validation(SpecModel):
    """What must be true of the data before it counts as migrated."""

    assertions: Annotated[list[Assertion], Field(max_length=32), ListOf("map", ("name",))] = Field(
        [], description="Queries of the author's own. Default: none."
    )


class Rollback(SpecModel):
    """When and how the old roles come back."""

    policy: RollbackPolicy = Field(
        RollbackPolicy.AUTOMATIC,
        description="Automatic: by itself until Done. Recommend and Never: a person decides.",
    )
    on_conflict: OnConflict = Field(
        OnConflict.SKIP, description="What happens to a role that someone changed since."
    )
