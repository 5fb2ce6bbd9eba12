"""One run as its ledger row tells it. Values only; `postgres.ledger` reads and writes them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from roleshift.api import Mode, Phase, RollbackResult
from roleshift.engine.checks import Finding
from roleshift.engine.cost import Taken
from roleshift.engine.identity import RunIdentity
from roleshift.engine.plan import Plan, SchemaChange
from roleshift.engine.steps import WriteState
from roleshift.engine.verification import VerificationResult
from roleshift.errors import Reason


class LogOutcome(StrEnum):
    """How a logged step ended, or what is noted on its way.

    Rehearsed went well, and was rolled back: nothing that is decided by the log counts it.

    Accepted: it had failed, and a person took the data as they are.
    Altered: one of its schema statements was carried out. Committing announces a COMMIT before it is sent.
    Measured: what the step took, seen after its COMMIT.
    """

    ALTERED = "Altered"
    COMMITTING = "Committing"
    MEASURED = "Measured"
    SUCCEEDED = "Succeeded"
    REHEARSED = "Rehearsed"
    WAITED = "Waited"
    RETRIED = "Retried"
    UNDONE = "Undone"
    FAILED = "Failed"
    ACCEPTED = "Accepted"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the execution log.

    Attributes:
        step: the phase that it belongs to.
        xid: the transaction that a Committing entry announces, else None.
        taken: what the step took, where it was measured.
        schema_change: what an Altered entry says was carried out.
    """

    step: Phase
    outcome: LogOutcome
    started_at: datetime
    ended_at: datetime
    rows: int = 0
    message: str = ""
    sqlstate: str = ""
    xid: int | None = None
    taken: Taken | None = None
    schema_change: SchemaChange | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """The before-image in the ledger schema.

    Attributes:
        checksum: order-independent hash over every row, as decimal text.
        references: rows that referred to nothing before the run, by foreign key or table.
        arrived: roles of the new set that rows held before the run, outside the image.
        removed_at: when it was removed on purpose, and why; the entry stays.
    """

    name: str
    rows: int
    bytes: int
    checksum: str
    created_at: datetime
    expires_at: datetime
    references: dict[str, int] = field(default_factory=dict)
    arrived: tuple[str, ...] = ()
    removed_at: datetime | None = None
    removal_reason: str = ""


@dataclass(frozen=True, slots=True)
class ArchiveRecord:
    """A copy of the image in an object store, as the catalogue has it.

    Attributes:
        url: the folder of this run in the store.
        rows: of the image as it was archived, before the write refreshed it.
        bytes: of its objects, compressed.
        manifest_sha256: of the manifest that lies in the store, as hexadecimal digits.
        covers_write: the delta of the write was appended and compared; without it nothing is restored
            from the archive once the run has written.
        removed_at: when it was removed on purpose, and why; the entry stays.
    """

    url: str
    rows: int
    bytes: int
    manifest_sha256: str
    covers_write: bool
    created_at: datetime
    expires_at: datetime
    removed_at: datetime | None = None
    removal_reason: str = ""


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """What the write of the run left behind.

    Attributes:
        xid: the writing transaction, as `pg_current_xact_id()` gives it (64 bits).
        written_at: the timestamp that every migrated row carries.
    """

    xid: int
    written_at: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class RollbackRecord:
    """A rollback that was asked for, is under way or is over."""

    trigger: Reason
    requested_by: str = ""
    reason: str = ""
    result: RollbackResult | None = None
    rows_restored: int = 0
    conflicts: int = 0
    examples: tuple[str, ...] = ()
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class ApprovalRecord:
    """The last approval that was seen, of a plan that the run had then.

    Attributes:
        by: who approved, as the annotation says; "" where it says nothing.
        plan: the plan that was approved, so that a later one can be compared with it.
    """

    plan_hash: str
    at: datetime
    by: str
    reason: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class AcceptanceRecord:
    """That a person takes the data as they are although a verification failed; latched when first seen.

    Attributes:
        by, reason: as the annotations say; "" where they say nothing.
    """

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run. The truth about it; the object's status is a projection of this.

    Attributes:
        manifest_hash: of the manifest that this attempt began with, see `engine.requests`.
        mode: what the run may do to the table; only Apply ever writes it.
        epoch: raised at each take-over; a writer with an older one must stop.
        attempts: failed attempts of the present phase.
        rollback_requested_at: latched when first seen; never unlatched.
        approval: latched when first seen; counts for the plan that it names and for no other.
        retry_token: the value of retryRequestedAt that was acted on last, or "".
        forget_token: the value of forgetRequestedAt that was acted on last, or "".
        carried_hash: an approval of an earlier attempt that stands in the manifest still and does not count
            for this one; "" once it was taken out.
        resume_token: the value of resumeRequestedAt that was acted on last, or "".
        accept_token: the value of acceptRequestedAt that was acted on last, or "".
        acceptance: a person took the data as they are.
        reported: which report was written last, see `engine.kept_report`, or "".
        copied: the row was made in another database and came here with a copy of it.
    """

    run_id: str
    identity: RunIdentity
    manifest_hash: str
    attempt: int
    phase: Phase
    reason: Reason
    message: str
    epoch: int
    active: bool
    created_at: datetime
    phase_started_at: datetime
    mode: Mode = Mode.APPLY
    target_oid: int | None = None
    target_name: str = ""
    database_identity: str = ""
    attempts: int = 0
    completed_at: datetime | None = None
    plan: Plan | None = None
    findings: tuple[Finding, ...] = ()
    verification: tuple[VerificationResult, ...] = ()
    rollback: RollbackRecord | None = None
    rollback_requested_at: datetime | None = None
    rollback_requested_by: str = ""
    rollback_reason: str = ""
    approval: ApprovalRecord | None = None
    retry_token: str = ""
    forget_token: str = ""
    carried_hash: str = ""
    resume_token: str = ""
    accept_token: str = ""
    acceptance: AcceptanceRecord | None = None
    reported: str = ""
    copied: bool = False
    image: Image | None = None
    archive: ArchiveRecord | None = None
    write: WriteRecord | None = None
    log: tuple[LogEntry, ...] = ()

    @property
    def write_state(self) -> WriteState:
        """Whether the write is known to be committed."""
        return WriteState.NOT_COMMITTED if self.write is None else WriteState.COMMITTED

    @property
    def carried_out(self) -> tuple[SchemaChange, ...]:
        """Schema statements that this attempt has carried out, each once, in their order."""
        found = (entry.schema_change for entry in self.log if entry.schema_change is not None)
        return tuple(dict.fromkeys(found))

    def taken(self, step: Phase) -> Taken | None:
        """What a step that was committed took, as exactly as is known; None where nothing was measured."""
        known = [entry.taken for entry in self.log if entry.step is step and entry.taken is not None]
        return known[-1] if known else None
