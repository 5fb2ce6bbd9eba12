"""The status of a RoleMigration: a projection of the ledger for people and tools, bounded in size.

Texts and lists that are too long are cut and say so, so that the API server accepts every status.
Nothing is decided from it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, ValidationError

from roleshift.api.base import ListOf, StatusModel
from roleshift.api.conditions import Condition
from roleshift.api.phase import Phase
from roleshift.api.policy import BackupMethod
from roleshift.api.safety import Category, CheckResult, Severity
from roleshift.api.scalars import Line, Text, Time, Word, cut_to

Count = Annotated[StrictInt, Field(ge=0)]
Percent = Annotated[StrictInt, Field(ge=0, le=100)]


class Verdict(StrEnum):
    """How strongly the evidence speaks for a rollback."""

    NONE = "None"
    CONSIDER = "Consider"
    RECOMMENDED = "Recommended"
    REQUIRED = "Required"


class RollbackResult(StrEnum):
    """How a rollback ended."""

    COMPLETE = "Complete"
    PARTIAL = "Partial"
    TRANSACTION_ROLLED_BACK = "TransactionRolledBack"


class StepState(StrEnum):
    """Where a step is."""

    RUNNING = "Running"
    WAITING = "Waiting"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class WALOf(StrEnum):
    """Whose WAL was measured. A server before version 18 can't tell it for one session."""

    SERVER = "Server"
    BACKEND = "Backend"


class MatrixCell(StatusModel):
    """Rows that go from one role to another."""

    from_role: Word = Field(description="Role before.")
    to_role: Word = Field(description="Role after.")
    seniority: Word | None = Field(None, description="Seniority that is assigned.")
    rows: Count = Field(description="Rows that change in this way.")


class PlanStatus(StatusModel):
    """What the run will do, or has done."""

    hash: Word = Field("", description="Hash of the plan (sha256:…); what spec.approval.planHash repeats.")
    rows: Count = Field(0, description="Rows that will change.")
    matrix: Annotated[
        list[MatrixCell], Field(max_length=512), ListOf("atomic"), BeforeValidator(cut_to(512))
    ] = Field([], description="Rows by old role, new role and seniority.")
    collisions: Count = Field(0, description="Users who hold two old roles that become one.")
    escalations: Annotated[
        list[Line], Field(max_length=64), ListOf("atomic"), BeforeValidator(cut_to(64))
    ] = Field([], description="Mappings that give a stronger role, or that this was not judged.")
    reversible: StrictBool = Field(default=True, description="Whether the mapping alone could be undone.")
    statements: Annotated[list[Text], Field(max_length=64), ListOf("atomic"), BeforeValidator(cut_to(64))] = (
        Field([], description="Statements that will run, schema changes first.")
    )
    estimated_seconds: Count | None = Field(
        None, description="Estimated seconds from the lock to the commit, for which other writers wait."
    )
    measured_seconds: Annotated[StrictFloat, Field(ge=0)] | None = Field(
        None, description="What they came to."
    )
    measured_write_seconds: Annotated[StrictFloat, Field(ge=0)] | None = Field(
        None, description="Of these, the UPDATE; the rest is counting and verifying."
    )
    estimated_wal_bytes: Count | None = Field(None, description="Estimated WAL of image and write, in bytes.")
    measured_wal_bytes: Count | None = Field(None, description="What it came to, in bytes.")
    measured_wal_of: WALOf | None = Field(
        None,
        description="Backend: of the run alone. Server: what others wrote meanwhile is included, because a "
        "server before version 18 can't tell them apart.",
    )
    estimated_image_bytes: Count | None = Field(
        None, description="Estimated size of the image, in bytes; status.backup.bytes is what it came to."
    )
    lock: Line | None = Field(None, description="Lock that is taken, and who waits for it.")


class CheckResultStatus(StatusModel):
    """What one check came to."""

    name: Word = Field(description="Name of the check.")
    category: Category = Field(description="What it looks at.")
    result: CheckResult = Field(description="What it came to.")
    severity: Severity = Field(description="How much it weighs.")
    message: Line = Field("", description="What was measured, the limit, and what to do.")


class SafetyStatus(StatusModel):
    """The gate before the first write."""

    score: Percent | None = Field(None, description="Safety score, 0 to 100.")
    passed: Count = Field(0, description="Checks that passed.")
    warnings: Count = Field(0, description="Checks that warn.")
    failed: Count = Field(0, description="Checks that failed.")
    unknown: Count = Field(0, description="Checks that could not tell.")
    waived: Count = Field(0, description="Checks that were waived.")
    results: Annotated[list[CheckResultStatus], Field(max_length=32), ListOf("map", ("name",))] = Field(
        [], description="One entry for each check that was made."
    )


class ProgressStatus(StatusModel):
    """How far the write, or the rollback, has come."""

    rows_total: Count = Field(0, description="Rows to write.")
    rows_processed: Count = Field(0, description="Rows written so far.")
    percent: Percent = Field(0, description="Share that is done, in percent.")
    rows_per_second: Count | None = Field(None, description="Speed, in rows per second.")
    estimated_completion_time: Time | None = Field(None, description="When it will be done at this speed.")
    bar: Word | None = Field(None, description="The share as a bar, such as [######----] 61%.")
    throttled_by: Line | None = Field(None, description="First limit that slows the run down.")


class BackupStatus(StatusModel):
    """The image of the old roles."""

    name: Word = Field("", description="Table that holds the image.")
    methods: Annotated[list[BackupMethod], Field(max_length=2), ListOf("set")] = Field(
        [], description="Where the image is kept."
    )
    rows: Count = Field(0, description="Rows in the image.")
    bytes: Count | None = Field(None, description="Size of the image, in bytes.")
    checksum: Word | None = Field(None, description="Checksum of the image.")
    verified: StrictBool = Field(
        default=False, description="Whether count and checksum were compared with the source."
    )
    completion_time: Time | None = Field(None, description="When the image was complete.")
    expires_time: Time | None = Field(None, description="When the image may be dropped.")


class ValidationResultStatus(StatusModel):
    """What one verification or assertion came to."""

    name: Word = Field(description="Name of the verification or assertion.")
    result: CheckResult = Field(description="What it came to.")
    message: Line = Field("", description="What was found, and what to do.")


class ValidationStatus(StatusModel):
    """Whether the data is right."""

    results: Annotated[
        list[ValidationResultStatus],
        Field(max_length=64),
        ListOf("map", ("name",)),
        BeforeValidator(cut_to(64)),
    ] = Field([], description="One entry for each verification and assertion.")


class HealthStatus(StatusModel):
    """The database as it was last seen."""

    connections: Count | None = Field(None, description="Connections in use.")
    lock_waiters: Count | None = Field(None, description="Sessions that wait for a lock.")
    longest_transaction_seconds: Count | None = Field(
        None, description="Age of the oldest transaction, in seconds."
    )
    replication_lag_seconds: Count | None = Field(
        None, description="Lag of the slowest standby, in seconds; absent when there is none."
    )
    database_bytes: Count | None = Field(None, description="Size of the database, in bytes.")
    disk_free_bytes: Count | None = Field(
        None, description="Free space on the server's volume, in bytes; absent when it can't be known."
    )
    active_transactions: Count | None = Field(None, description="Transactions under way.")
    sampled_time: Time | None = Field(None, description="When this was seen.")


class RecommendationStatus(StatusModel):
    """Whether a rollback is advised."""

    verdict: Verdict = Field(Verdict.NONE, description="How strongly the evidence speaks for a rollback.")
    reasons: Annotated[list[Line], Field(max_length=16), ListOf("atomic"), BeforeValidator(cut_to(16))] = (
        Field([], description="The evidence.")
    )


class RollbackStatus(StatusModel):
    """A rollback that is advised, under way or over."""

    recommendation: RecommendationStatus | None = Field(None, description="Whether a rollback is advised.")
    requested_by: Line | None = Field(None, description="Who asked for it.")
    reason: Line | None = Field(None, description="Why.")
    result: RollbackResult | None = Field(None, description="How it ended.")
    rows_restored: Count | None = Field(None, description="Rows that have their old role again.")
    conflicts: Count | None = Field(None, description="Rows whose role someone changed since.")
    examples: Annotated[list[Line], Field(max_length=5), ListOf("atomic"), BeforeValidator(cut_to(5))] = (
        Field([], description="Keys of at most five of them.")
    )
    remaining: Count | None = Field(None, description="Rows that were left as they are.")


class StepStatus(StatusModel):
    """One step of the run."""

    name: Word = Field(description="Name of the step.")
    state: StepState = Field(description="Where the step is.")
    start_time: Time | None = Field(None, description="When it began.")
    completion_time: Time | None = Field(None, description="When it ended.")
    attempts: Count = Field(0, description="How often it was tried.")
    message: Line = Field("", description="What it did or waits for.")


class RoleMigrationStatus(StatusModel):
    """What the operator reports; written by the operator only."""

    observed_generation: Annotated[StrictInt, Field(ge=-1)] = Field(
        -1, description="Generation of the spec that the status speaks of; -1: none yet."
    )
    phase: Phase = Field(Phase.PENDING, description="Where the run is.")
    conditions: Annotated[list[Condition], Field(max_length=16), ListOf("map", ("type",))] = Field(
        [], description="Conditions by the kstatus conventions."
    )
    run_id: Word | None = Field(None, description="Identifier of the run in the ledger.")
    start_time: Time | None = Field(None, description="When the run began.")
    completion_time: Time | None = Field(None, description="When the run ended.")
    attempts: Count = Field(0, description="Failed attempts after the first write.")
    last_handled_reconcile_at: Word | None = Field(
        None, description="Last value of the annotation reconcile.fluxcd.io/requestedAt that was acted on."
    )
    plan: PlanStatus | None = Field(None, description="What the run will do.")
    safety: SafetyStatus | None = Field(None, description="The gate before the first write.")
    progress: ProgressStatus | None = Field(None, description="How far the write has come.")
    backup: BackupStatus | None = Field(None, description="The image of the old roles.")
    validation: ValidationStatus | None = Field(None, description="Whether the data is right.")
    health: HealthStatus | None = Field(None, description="The database as it was last seen.")
    rollback: RollbackStatus | None = Field(None, description="A rollback: advised, under way or over.")
    steps: Annotated[
        list[StepStatus], Field(max_length=64), ListOf("map", ("name",)), BeforeValidator(cut_to(64))
    ] = Field([], description="The steps of the run.")


def readable_status(value: Any) -> RoleMigrationStatus | None:
    """What can be read of a status: another version may have written it, and that never stops anything.

    Parts that don't parse are left out; None where nothing of it is a status.
    """
    if not isinstance(value, Mapping):
        return None
    try:
        return RoleMigrationStatus.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        bad = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
        return readable_status({key: part for key, part in value.items() if key not in bad}) if bad else None
