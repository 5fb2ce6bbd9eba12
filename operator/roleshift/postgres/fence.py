"""Who may write for a run: take-over, the epoch that every writing transaction checks, the session lock.

The order of a take-over matters: end the backends that the ledger records,
raise the epoch (which waits for writers that hold the row), then take the
session lock. Once the epoch is raised, no older writer can commit any more, so
what the log says of the write is final.
"""

from dataclasses import asdict

from psycopg.types.json import Jsonb

from roleshift.engine.run import LogOutcome, RunRecord
from roleshift.errors import DatabaseError, FencedError, Reason
from roleshift.postgres import ledger, neighbours
from roleshift.postgres.session import Backend, Session, Timeouts
from roleshift.postgres.statements import statement

END_BACKEND_SECONDS = 5
_CLAIM_TIMEOUTS = Timeouts(lock_seconds=5.0, statement_seconds=15.0)
_LOCK_SPACE = 0x524F4C45 << 32


async def claim(session: Session, run: RunRecord, holder: str, backends: list[Backend]) -> RunRecord:
    """Take the run over and return it as the ledger has it then, with the new epoch.

    Args:
        holder: who takes it, for people.
        backends: the sessions that will write for the run.

    Raises:
        DatabaseError: LockTimeout when an older writer could not be ended in time (retryable).
    """
    await _end_recorded_backends(session, run)
    async with session.transaction(_CLAIM_TIMEOUTS):
        recorded = Jsonb([asdict(backend) for backend in backends])
        row = await session.row_or_none(
            statement("run_claim"), {"run_id": run.run_id, "holder": holder, "backends": recorded}
        )
    if row is None:
        raise FencedError("the ledger row of this run is gone")
    current = await ledger.find(session, run.identity)
    if current is None or current.run_id != run.run_id or current.epoch != row["epoch"]:
        raise FencedError
    await _check_announced_commit(session, current)
    return current


async def _end_recorded_backends(session: Session, run: RunRecord) -> None:
    row = await session.row(statement("run_backends"), {"run_id": run.run_id})
    for backend in row["backends"]:
        await end_backend(session, Backend(**backend))


async def end_backend(session: Session, backend: Backend) -> None:
    """End a server process, and with it its transaction, and wait for that; gone already is as good."""
    await session.execute(
        statement("run_end_backend"), {**asdict(backend), "timeout_ms": END_BACKEND_SECONDS * 1000}
    )


async def hold(session: Session, run: RunRecord) -> RunRecord:
    """Keep every writer of the run out until the transaction ends, and return the run as it is then.

    A writer holds the row FOR SHARE from its first statement on, so none is under way any
    more, and what the log says of the write is final.

    Raises:
        FencedError: the run was taken over.
        DatabaseError: LockTimeout while a writer's fate is open (retryable).
    """
    row = await session.row_or_none(statement("run_hold"), {"run_id": run.run_id})
    if row is None or row["epoch"] != run.epoch:
        raise FencedError
    current = await ledger.find(session, run.identity)
    if current is None or current.run_id != run.run_id:
        raise FencedError
    return current


async def _check_announced_commit(session: Session, run: RunRecord) -> None:
    """The fate of an announced COMMIT must agree with the log before anything is decided by it."""
    announced = [entry for entry in run.log if entry.outcome is LogOutcome.COMMITTING]
    if not announced or run.write is not None:
        return
    row = await session.row(statement("transaction_status"), {"xid": str(announced[-1].xid)})
    if row["status"] == "in progress":
        raise DatabaseError(
            Reason.CONNECTION_LOST,
            "the last COMMIT of this run is still under way; the run goes on when its outcome is known",
            retryable=True,
        )


async def must_be_alone(session: Session, run: RunRecord) -> None:
    """See that no other run occupies the target; the unique index decides in the end.

    Raises:
        DatabaseError: AnotherRunActive; retryable.
    """
    rival = await neighbours.occupant(session, run)
    if rival is not None:
        raise ledger.another_run_active(run, rival)


async def lock_target(session: Session, target_oid: int) -> None:
    """Take the session lock on the target.

    Raises:
        DatabaseError: AnotherRunActive; retryable.
    """
    row = await session.row(statement("advisory_lock"), {"key": _LOCK_SPACE | target_oid})
    if not row["locked"]:
        raise DatabaseError(
            Reason.ANOTHER_RUN_ACTIVE,
            "another run works on this table; this one begins when it has ended",
            retryable=True,
        )


async def check_epoch(session: Session, run: RunRecord) -> None:
    """First statement of every writing transaction.

    Raises:
        FencedError: the run was taken over since `run` was claimed.
    """
    row = await session.row_or_none(statement("run_fence"), {"run_id": run.run_id})
    if row is None or row["epoch"] != run.epoch:
        raise FencedError
