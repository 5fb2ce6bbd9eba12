"""Writes a settlement into the ledger: the move, the log line, and what a rollback begins with."""

from dataclasses import replace

from roleshift.api import Phase, RollbackResult
from roleshift.engine.conditions import end_reason_of_rollback
from roleshift.engine.outcome import Advance, Conclude, Extent, Fail, Outcome, Replan, Retry, Undo, Wait
from roleshift.engine.run import LogOutcome, RollbackRecord, RunRecord
from roleshift.engine.settlement import Settlement
from roleshift.engine.waiting import WITHOUT_END
from roleshift.postgres import ledger
from roleshift.postgres.session import Session, Timeouts

TIMEOUTS = Timeouts(lock_seconds=5.0, statement_seconds=15.0)
_LOGS_ITSELF = frozenset({Phase.BACKING_UP, Phase.MIGRATING, Phase.ROLLING_BACK})
"""Phases whose success is logged in the transaction of their work."""


def with_end_reason(run: RunRecord, settlement: Settlement) -> Settlement:
    """A finished rollback ends with what started it, unless rows were left."""
    rolled_back = run.phase is Phase.ROLLING_BACK and settlement.phase is Phase.ROLLED_BACK
    if not rolled_back or run.rollback is None or run.rollback.result is None:
        return settlement
    return replace(settlement, reason=end_reason_of_rollback(run.rollback.trigger, run.rollback.result))


def is_kept(run: RunRecord, settlement: Settlement) -> bool:
    """Whether the ledger has to learn of a wait: one without end is found there by whoever looks next."""
    told = (run.reason, run.message)
    return settlement.reason in WITHOUT_END and (settlement.reason, settlement.message) != told


async def persist(session: Session, run: RunRecord, outcome: Outcome, settlement: Settlement) -> None:
    """Write move, log line and rollback record, in the transaction that is open.

    Raises:
        FencedError: the run was taken over.
    """
    if isinstance(outcome, Undo):
        await ledger.record(session, run, ledger.Documents(rollback=_rollback(run, outcome)))
    await ledger.move(
        session,
        run,
        ledger.Move(
            phase=settlement.phase,
            reason=settlement.reason,
            message=settlement.message,
            active=settlement.active,
            ended=settlement.ended,
            attempts=settlement.attempts,
        ),
    )
    logged = _log_outcome(run, outcome)
    if logged is not None:
        await ledger.append(session, run, _line(run, outcome, logged, settlement))


def _rollback(run: RunRecord, outcome: Undo) -> RollbackRecord:
    if run.phase is Phase.FAILED and run.rollback is not None:
        return replace(run.rollback, result=None)
    return RollbackRecord(
        trigger=outcome.reason,
        requested_by=run.rollback_requested_by,
        reason=run.rollback_reason or outcome.message,
        result=_result_at_once(run, outcome),
    )


def _result_at_once(run: RunRecord, outcome: Undo) -> RollbackResult | None:
    """What the rollback came to where nothing was committed; None while it is still to be done."""
    if outcome.extent is Extent.COMMITTED:
        return None
    if run.phase is Phase.MIGRATING:
        return RollbackResult.TRANSACTION_ROLLED_BACK
    return RollbackResult.COMPLETE


def _log_outcome(run: RunRecord, outcome: Outcome) -> LogOutcome | None:
    match outcome:
        case Advance():
            return None if run.phase in _LOGS_ITSELF else LogOutcome.SUCCEEDED
        case Conclude():
            return LogOutcome.ACCEPTED if run.phase is Phase.VALIDATING else None
        case Fail():
            return None if outcome.logged else LogOutcome.FAILED
        case Retry() | Replan():
            return LogOutcome.RETRIED
        case Undo(extent=Extent.COMMITTED) if run.phase in (Phase.DONE, Phase.FAILED):
            return None
        case Undo():
            return LogOutcome.UNDONE
        case Wait():
            return LogOutcome.WAITED


def _line(run: RunRecord, outcome: Outcome, logged: LogOutcome, settlement: Settlement) -> ledger.LogLine:
    sqlstate = outcome.error.sqlstate if isinstance(outcome, Retry) else ""
    return ledger.LogLine(
        step=run.phase,
        outcome=logged,
        started_at=run.phase_started_at,
        sqlstate=sqlstate,
        message=settlement.message,
    )
