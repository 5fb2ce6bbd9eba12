"""The ledger: rows of runs in the schema roleshift of the target database. The truth about every run.

Who may write them is `fence`'s business; what they mean is the engine's; the tables are `ledger_schema`'s.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from roleshift.api import Mode, Phase
from roleshift.engine.checks import Finding
from roleshift.engine.cost import Taken
from roleshift.engine.identity import RunIdentity
from roleshift.engine.neighbours import Neighbour, occupied
from roleshift.engine.plan import Plan, SchemaChange
from roleshift.engine.run import LogOutcome, RollbackRecord, RunRecord
from roleshift.engine.verification import VerificationResult
from roleshift.errors import DatabaseError, FencedError, Reason
from roleshift.postgres.run_rows import (
    FINDINGS,
    PLAN,
    ROLLBACK,
    SCHEMA_CHANGE,
    VERIFICATION,
    document,
    run_record,
)
from roleshift.postgres.session import Session
from roleshift.postgres.statements import in_this_database, statement


async def find(session: Session, identity: RunIdentity) -> RunRecord | None:
    """The latest attempt of the run with that identity that was not forgotten, or None."""
    row = await session.row_or_none(in_this_database("run_find"), _identity_params(identity))
    return None if row is None else run_record(row, identity)


async def reloaded(session: Session, run: RunRecord) -> RunRecord:
    """A run that is held, as the ledger has it now.

    Raises:
        FencedError: another session took the run over.
    """
    current = await find(session, run.identity)
    if current is None or current.epoch != run.epoch or current.run_id != run.run_id:
        raise FencedError
    return current


async def knows(session: Session, run_id: str) -> bool:
    """Whether the ledger has a run of that id, whatever its identity."""
    return bool((await session.row(statement("run_known"), {"run_id": run_id}))["known"])


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a new row begins with.

    Attributes:
        attempt: attempts that were forgotten are added.
        retry_token, forget_token, resume_token, accept_token: what stands in the annotations, and is not
            acted on any more.
        carried_hash: see `RunRecord`.
    """

    run_id: str
    identity: RunIdentity
    manifest_hash: str
    attempt: int
    object_uid: str
    database_identity: str
    retry_token: str = ""
    forget_token: str = ""
    resume_token: str = ""
    accept_token: str = ""
    carried_hash: str = ""
    mode: Mode = Mode.APPLY


async def insert(session: Session, new: NewRun) -> None:
    """Insert a run in phase Checking; nothing happens when that attempt is there already."""
    await session.execute(
        statement("run_insert"),
        {
            **_identity_params(new.identity),
            "run_id": new.run_id,
            "manifest_hash": new.manifest_hash,
            "attempt": new.attempt,
            "object_uid": new.object_uid,
            "database_identity": new.database_identity,
            "retry_token": new.retry_token,
            "forget_token": new.forget_token,
            "resume_token": new.resume_token,
            "accept_token": new.accept_token,
            "carried_hash": new.carried_hash,
            "mode": new.mode,
        },
    )


@dataclass(frozen=True, slots=True)
class Move:
    """Where the run goes.

    Attributes:
        active: whether the run occupies its table; one run at a time may.
        ended: whether nothing more will happen by itself.
        attempts: failed attempts of the phase.
    """

    phase: Phase
    reason: Reason
    message: str
    active: bool
    ended: bool
    attempts: int = 0


async def move(session: Session, run: RunRecord, change: Move) -> None:
    """Write the run's new phase.

    Raises:
        FencedError: another session took the run over.
        DatabaseError: AnotherRunActive when another run on the same table is active; retryable.
    """
    params = {"run_id": run.run_id, "epoch": run.epoch, **asdict(change)}
    try:
        row = await session.row_or_none(statement("run_move"), params)
    except DatabaseError as error:
        if error.reason is not Reason.CONSTRAINT_VIOLATED:
            raise
        raise another_run_active(run) from error
    if row is None:
        raise FencedError


def another_run_active(run: RunRecord, neighbour: Neighbour | None = None) -> DatabaseError:
    """The error of a run whose table is occupied, with who occupies it where that is known."""
    return DatabaseError(Reason.ANOTHER_RUN_ACTIVE, occupied(run, neighbour), retryable=True)


@dataclass(frozen=True, slots=True)
class Documents:
    """What a phase found, for the run's row; None leaves what is there."""

    target_oid: int | None = None
    target_name: str | None = None
    plan: Plan | None = None
    findings: tuple[Finding, ...] | None = None
    verification: tuple[VerificationResult, ...] | None = None
    rollback: RollbackRecord | None = None
    retry_token: str | None = None
    forget_token: str | None = None
    carried_hash: str | None = None
    resume_token: str | None = None
    accept_token: str | None = None
    reported: str | None = None


async def record(session: Session, run: RunRecord, found: Documents) -> None:
    """Write what a phase found; its phase stays.

    Raises:
        FencedError: another session took the run over.
    """
    row = await session.row_or_none(
        statement("run_record"),
        {
            "run_id": run.run_id,
            "epoch": run.epoch,
            "target_oid": found.target_oid,
            "target_name": found.target_name,
            "plan_hash": found.plan.hash if found.plan else None,
            "plan": document(PLAN, found.plan),
            "findings": document(FINDINGS, found.findings),
            "verification": document(VERIFICATION, found.verification),
            "rollback": document(ROLLBACK, found.rollback),
            "retry_token": found.retry_token,
            "forget_token": found.forget_token,
            "carried_hash": found.carried_hash,
            "resume_token": found.resume_token,
            "accept_token": found.accept_token,
            "reported": found.reported,
        },
    )
    if row is None:
        raise FencedError


async def latch_rollback(
    session: Session, run: RunRecord, requested_by: str, reason: str, retry_token: str = ""
) -> None:
    """Remember that a person asked for the old state, whatever becomes of the object's field.

    Args:
        retry_token: the retry that was asked for before; it does not begin the run anew after its return.

    Raises:
        FencedError: another session took the run over.
    """
    row = await session.row_or_none(
        statement("run_latch_rollback"),
        {
            "run_id": run.run_id,
            "epoch": run.epoch,
            "requested_by": requested_by,
            "reason": reason,
            "retry_token": retry_token,
        },
    )
    if row is None:
        raise FencedError


async def latch_approval(
    session: Session, run: RunRecord, plan_hash: str, approved_by: str, reason: str
) -> None:
    """Remember that a person approved the run's plan, whatever becomes of the object's field.

    Raises:
        FencedError: another session took the run over, or its plan is another one.
    """
    params = {
        "run_id": run.run_id,
        "epoch": run.epoch,
        "plan_hash": plan_hash,
        "approved_by": approved_by,
        "reason": reason,
    }
    if await session.row_or_none(statement("run_latch_approval"), params) is None:
        raise FencedError


async def latch_acceptance(session: Session, run: RunRecord, token: str, by: str, reason: str) -> None:
    """Remember that a person takes the data as they are.

    Raises:
        FencedError: another session took the run over, or it waits for no decision.
    """
    params = {"run_id": run.run_id, "epoch": run.epoch, "token": token, "by": by, "reason": reason}
    if await session.row_or_none(statement("run_latch_acceptance"), params) is None:
        raise FencedError


async def latch_resume(session: Session, run: RunRecord, token: str) -> None:
    """Remember that a person has the run verified again. Raises as `latch_acceptance` does."""
    params = {"run_id": run.run_id, "epoch": run.epoch, "token": token}
    if await session.row_or_none(statement("run_latch_resume"), params) is None:
        raise FencedError


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line for the execution log; `started_at` or `ended_at` None means now."""

    step: Phase
    outcome: LogOutcome
    started_at: datetime | None = None
    rows: int = 0
    kind: str = ""
    sqlstate: str = ""
    message: str = ""
    xid: int | None = None
    written_at: datetime | None = None
    taken: Taken | None = None
    schema_change: SchemaChange | None = None
    ended_at: datetime | None = None


async def append(session: Session, run: RunRecord, line: LogLine) -> None:
    """Append a line to the execution log, in the transaction that is open.

    Raises:
        FencedError: another session took the run over.
    """
    cursor = await session.execute(
        statement("log_append"),
        {
            "run_id": run.run_id,
            "epoch": run.epoch,
            "step": line.step,
            "outcome": line.outcome,
            "started_at": line.started_at,
            "ended_at": line.ended_at,
            "rows": line.rows,
            "kind": line.kind,
            "sqlstate": line.sqlstate,
            "message": line.message,
            "xid": line.xid,
            "written_at": line.written_at,
            "work_seconds": line.taken.work_seconds if line.taken else None,
            "lock_seconds": line.taken.lock_seconds if line.taken else None,
            "wal_bytes": line.taken.wal_bytes if line.taken else None,
            "wal_of": line.taken.wal_of if line.taken else "",
            "schema_change": document(SCHEMA_CHANGE, line.schema_change),
        },
    )
    if not cursor.rowcount:
        raise FencedError


def _identity_params(identity: RunIdentity) -> dict[str, str]:
    return {
        "cluster_uid": identity.cluster_uid,
        "namespace": identity.namespace,
        "name": identity.name,
        "spec_hash": identity.spec_hash,
    }
