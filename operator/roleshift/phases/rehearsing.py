"""A rehearsal: the phases of a run and of its rollback, in one transaction that is rolled back.

Each phase does what it does in a run. What a run commits in between is only done: so a value
that PostgreSQL uses after a COMMIT only is said to be missing, and nothing after it is tried.
"""

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from roleshift.api import Mode, Phase, RollbackResult
from roleshift.engine.identity import RunIdentity
from roleshift.engine.outcome import Advance, Conclude, Fail, Outcome, Replan, Retry, Wait
from roleshift.engine.rehearsal import (
    End,
    Rehearsal,
    RowSet,
    failed,
    incomplete,
    summary,
    unusable_labels,
)
from roleshift.engine.run import LogEntry, LogOutcome, RunRecord
from roleshift.engine.score import safety_score
from roleshift.engine.settlement import WORKING_REASONS
from roleshift.engine.verification import VerificationResult
from roleshift.errors import FencedError, Reason, RoleshiftError
from roleshift.phases import backing_up, migrating, rolling_back, validating
from roleshift.phases.context import Context
from roleshift.postgres import fence, ledger
from roleshift.postgres import rehearsal as server
from roleshift.postgres.session import Session

PhaseFunction = Callable[[Context], Awaitable[Outcome]]
Told = Callable[[LogEntry], None]
"""Told of each phase when it has been rehearsed."""


async def run(context: Context) -> Outcome:
    """Rehearse a run whose gate is open, and write down what came of it."""

    async def fenced(session: Session) -> None:
        await fence.check_epoch(session, context.run)

    found = await rehearse(context, fenced)
    if isinstance(found.end, Replan):
        return found.end
    await _write_down(context, found)
    if isinstance(found.end, Fail):
        return found.end
    return Conclude(Reason.REHEARSAL_COMPLETED, summary(found))


async def rehearse(
    context: Context, prepare: Callable[[Session], Awaitable[None]], told: Told = lambda _: None
) -> Rehearsal:
    """Rehearse on the work session; nothing stays.

    Args:
        context: its run has a plan; where it comes from is no matter, the rehearsal has a row of its own.
        prepare: the first thing in the transaction.

    Raises:
        RoleshiftError: something that may pass, as a lock that is held; or the run was taken over.
    """
    notes = _Notes(told)
    end: End = Advance()
    try:
        async with context.work.rehearsal(context.timeouts) as session:
            await prepare(session)
            await _Play(context, session, notes).all()
    except _Ended as ended:
        end = ended.end
    return notes.rehearsal(end)


class _Ended(Exception):
    """Leaves the rehearsal before its last phase."""

    def __init__(self, end: End) -> None:
        super().__init__()
        self.end = end


@dataclass(slots=True)
class _Notes:
    """What has been found so far; stays when the transaction is gone."""

    told: Told
    steps: list[LogEntry] = field(default_factory=list)
    verification: tuple[VerificationResult, ...] = ()
    rows: int = 0
    before: RowSet | None = None
    after: RowSet | None = None
    wal_bytes: int | None = None
    locked_at: float | None = None

    def add(self, entry: LogEntry) -> None:
        """A phase was rehearsed."""
        self.steps.append(entry)
        self.told(entry)

    def rehearsal(self, end: End) -> Rehearsal:
        """All of it, once the lock is gone."""
        return Rehearsal(
            end=end,
            steps=tuple(self.steps),
            verification=self.verification,
            rows=self.rows,
            before=self.before,
            after=self.after,
            wal_bytes=self.wal_bytes,
            lock_seconds=0.0 if self.locked_at is None else time.monotonic() - self.locked_at,
        )


class _Play:
    """The phases, one after the other, on one session inside the transaction."""

    def __init__(self, context: Context, session: Session, notes: _Notes) -> None:
        self._context = replace(context, control=session, work=session, store=None)
        self._session = session
        self._notes = notes

    async def all(self) -> None:
        """Forward and back.

        Raises:
            _Ended: it ended early.
            RoleshiftError: as `rehearse`.
        """
        plan, shape, notes = self._context.plan, self._context.plan.shape, self._notes
        written_before = await server.wal_position(self._session)
        await self._begin()
        await server.lock(self._session, plan)
        notes.locked_at = time.monotonic()
        columns = await server.columns(self._session, shape)
        notes.before = await server.row_set(self._session, shape, columns)
        if labels := unusable_labels(plan):
            await self._rehearse(Phase.BACKING_UP, backing_up.change_schema)
            raise _Ended(incomplete(labels))
        await self._rehearse(Phase.BACKING_UP, backing_up.run)
        await self._rehearse(Phase.MIGRATING, migrating.run)
        await server.defer_again(self._session)
        await self._rehearse(Phase.VALIDATING, validating.run)
        await self._rehearse(Phase.ROLLING_BACK, self._roll_back)
        notes.after = await server.row_set(self._session, shape, columns)
        written = await server.wal_position(self._session)
        if written_before is not None and written is not None:
            notes.wal_bytes = written - written_before

    async def _begin(self) -> None:
        """A row of the ledger for the rehearsal alone, so that that of the run stays free."""
        run, plan, run_id = self._context.run, self._context.plan, str(uuid.uuid4())
        identity = RunIdentity(f"rehearsal/{run_id}", *_names(run))
        new = ledger.NewRun(
            run_id, identity, run.manifest_hash, 1, "", run.database_identity, mode=Mode.REHEARSE
        )
        await ledger.insert(self._session, new)
        await self._reload(identity)
        found = ledger.Documents(
            target_oid=plan.shape.oid,
            target_name=plan.shape.display_name,
            plan=plan,
            findings=run.findings,
        )
        await ledger.record(self._session, self._context.run, found)
        await self._reload(identity)

    async def _reload(self, identity: RunIdentity | None = None) -> None:
        found = await ledger.find(self._session, identity or self._context.run.identity)
        if found is None:
            raise FencedError
        self._context = replace(self._context, run=found)

    async def _rehearse(self, phase: Phase, work: PhaseFunction) -> None:
        move = ledger.Move(phase, WORKING_REASONS[phase], "", active=False, ended=False)
        await ledger.move(self._session, self._context.run, move)
        await self._reload()
        started = time.monotonic()
        outcome = await self._performed(work)
        if isinstance(outcome, Retry):
            raise outcome.error
        if isinstance(outcome, Wait):
            raise RoleshiftError(outcome.reason, outcome.message, retryable=True)
        if isinstance(outcome, Replan):
            raise _Ended(outcome)
        went_well = isinstance(outcome, Advance)
        if went_well:
            await self._reload()
        self._note(phase, outcome.message, time.monotonic() - started, well=went_well)
        if not isinstance(outcome, Advance):
            raise _Ended(failed(outcome.reason, outcome.message))

    async def _performed(self, work: PhaseFunction) -> Outcome:
        """What a phase answers; an error that can't heal is an answer too."""
        try:
            outcome = await work(self._context)
        except RoleshiftError as error:
            if error.retryable or isinstance(error, FencedError):
                raise
            return Fail(error.reason, error.message)
        await self._keep_verification()
        return outcome

    async def _keep_verification(self) -> None:
        await self._reload()
        self._notes.verification = self._context.run.verification

    def _note(self, phase: Phase, message: str, seconds: float, *, well: bool) -> None:
        run = self._context.run
        self._notes.rows = run.write.rows if run.write else 0
        self._notes.add(
            LogEntry(
                step=phase,
                outcome=LogOutcome.REHEARSED if well else LogOutcome.FAILED,
                started_at=run.phase_started_at,
                ended_at=run.phase_started_at + timedelta(seconds=seconds),
                rows=_rows_of(run),
                message=message,
            )
        )

    async def _roll_back(self, context: Context) -> Outcome:
        """Nobody else could change a row meanwhile, so none may be left."""
        outcome = await rolling_back.run(context)
        await self._reload()
        record = self._context.run.rollback
        if record is not None and record.result is RollbackResult.PARTIAL and isinstance(outcome, Advance):
            return Fail(Reason.ROLLED_BACK_WITH_CONFLICTS, outcome.message)
        return outcome


def _rows_of(run: RunRecord) -> int:
    """Rows of the last thing that was done: restored, written, or in the image."""
    if run.rollback is not None:
        return run.rollback.rows_restored
    return run.write.rows if run.write else run.image.rows if run.image else 0


def _names(run: RunRecord) -> tuple[str, str, str]:
    identity = run.identity
    return identity.namespace, identity.name, identity.spec_hash


async def _write_down(context: Context, found: Rehearsal) -> None:
    """The look that opened the gate, each phase that was rehearsed, and what was verified."""
    control, run = context.control, context.run
    message = f"score {safety_score(run.findings)}; {context.plan.proof.rows} rows would change"
    async with control.transaction(context.timeouts):
        await ledger.append(
            control,
            run,
            ledger.LogLine(
                Phase.CHECKING, LogOutcome.SUCCEEDED, started_at=run.phase_started_at, message=message
            ),
        )
        for step in found.steps:
            await ledger.append(control, run, _line(step))
        await ledger.record(control, run, ledger.Documents(verification=found.verification))


def _line(step: LogEntry) -> ledger.LogLine:
    return ledger.LogLine(
        step.step,
        step.outcome,
        started_at=step.started_at,
        ended_at=step.ended_at,
        rows=step.rows,
        kind="REHEARSAL",
        message=f"rehearsed: {step.message}",
    )
