"""The run on a clone: the operator's phases, each committed, forward and back, each timed and told."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from roleshift.api import Phase, RoleMigration, RollbackResult
from roleshift.cli.exit_codes import CommandError
from roleshift.cli.offline_run import OfflineRun, PhaseFunction
from roleshift.engine.identity import RunIdentity, spec_hash_of
from roleshift.engine.outcome import Advance, Fail, Outcome, Retry
from roleshift.engine.plan import Plan
from roleshift.engine.rehearsal import End, Rehearsal, RowSet, failed
from roleshift.engine.run import LogEntry, LogOutcome
from roleshift.errors import FencedError, Reason, RoleshiftError
from roleshift.phases import backing_up, checking, migrating, rolling_back, validating
from roleshift.postgres import clone
from roleshift.postgres import rehearsal as server
from roleshift.postgres.session import Session


class _Ended(Exception):
    """A phase did not go well; nothing after it is tried."""

    def __init__(self, end: Fail) -> None:
        super().__init__()
        self.end = end


@dataclass(slots=True)
class CloneRun:
    """A claimed run on a clone, and what has been found of it so far."""

    run: OfflineRun
    told: Callable[[LogEntry], None]
    steps: list[LogEntry] = field(default_factory=list)
    before: RowSet | None = None
    after: RowSet | None = None

    @classmethod
    async def begin(
        cls,
        migration: RoleMigration,
        run_id: str,
        control: Session,
        work: Session,
        told: Callable[[LogEntry], None],
    ) -> Self:
        """Create the ledger where the clone has none, and enter a run that no operator knows."""
        meta, spec = migration.metadata, migration.spec
        spec_hash = spec_hash_of(spec)
        identity = RunIdentity(f"rehearsal/{run_id}", meta.namespace, meta.name, spec_hash)
        return cls(await OfflineRun.begin(spec, identity, run_id, control, work), told)

    async def there_and_back(self) -> Rehearsal:
        """Migrate, validate, roll back, and compare whole rows.

        Raises:
            RoleshiftError: the server can't be reached any more.
        """
        end: End = Advance()
        try:
            await self._all()
        except _Ended as ended:
            end = ended.end
        run = self.run.run
        return Rehearsal(
            end=end,
            steps=tuple(self.steps),
            verification=run.verification,
            rows=run.write.rows if run.write else 0,
            before=self.before,
            after=self.after,
        )

    async def _all(self) -> None:
        await self._step(Phase.CHECKING, checking.run)
        work, shape = self.run.work, self._plan.shape
        await clone.analyze(work, shape)
        columns = await server.columns(work, shape)
        self.before = await server.row_set(work, shape, columns)
        await self._step(Phase.BACKING_UP, backing_up.run)
        await self._step(Phase.MIGRATING, migrating.run)
        await self._step(Phase.VALIDATING, validating.run)
        await self.run.ask_for_rollback("asked for as planned")
        await self._step(Phase.ROLLING_BACK, rolling_back.run)
        self.after = await server.row_set(work, shape, columns)

    @property
    def _plan(self) -> Plan:
        plan = self.run.run.plan
        if plan is None:
            raise CommandError("the gate is open on the clone but there is no plan; please report this")
        return plan

    async def _step(self, phase: Phase, work: PhaseFunction) -> None:
        began, started = datetime.now(UTC), time.monotonic()
        outcome = self._judged(phase, await self._answer(work))
        went_well = isinstance(outcome, Advance)
        entry = LogEntry(
            step=phase,
            outcome=LogOutcome.REHEARSED if went_well else LogOutcome.FAILED,
            started_at=began,
            ended_at=began + timedelta(seconds=time.monotonic() - started),
            rows=self._rows,
            message=outcome.message,
        )
        self.steps.append(entry)
        self.told(entry)
        if isinstance(outcome, Fail):
            raise _Ended(failed(outcome.reason, outcome.message))

    async def _answer(self, work: PhaseFunction) -> Outcome:
        try:
            return await self.run.answer(work)
        except RoleshiftError as error:
            if isinstance(error, FencedError) or not self.run.control.is_usable:
                raise
            return Fail(error.reason, error.message)

    def _judged(self, phase: Phase, outcome: Outcome) -> Advance | Fail:
        """Nobody else is on the clone: what would wait, or plan again, would do so for ever."""
        record = self.run.run.rollback
        if phase is Phase.ROLLING_BACK and record and record.result is RollbackResult.PARTIAL:
            return Fail(
                Reason.ROLLED_BACK_WITH_CONFLICTS, outcome.message if isinstance(outcome, Advance) else ""
            )
        if isinstance(outcome, Advance | Fail):
            return outcome
        if isinstance(outcome, Retry):
            return Fail(outcome.error.reason, outcome.error.message)
        return Fail(outcome.reason, outcome.message)

    @property
    def _rows(self) -> int:
        run = self.run.run
        if run.rollback is not None:
            return run.rollback.rows_restored
        return run.write.rows if run.write else run.image.rows if run.image else 0
