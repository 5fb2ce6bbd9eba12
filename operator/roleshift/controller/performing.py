"""What one step of a run comes to: its phase is run on the run's sessions, and every error is an outcome."""

from dataclasses import dataclass

from roleshift.api import Phase, RoleMigration
from roleshift.controller.desk import Desk
from roleshift.controller.interruptible import INTERRUPTIBLE, stops, unless_unwanted
from roleshift.engine.decisions import accepted
from roleshift.engine.outcome import Extent, Outcome, Undo
from roleshift.engine.progress import Progress
from roleshift.engine.run import RunRecord
from roleshift.engine.settlement import outcome_of_error
from roleshift.engine.steps import Step
from roleshift.errors import FencedError, Reason, RoleshiftError, SpecError
from roleshift.phases import (
    backing_up,
    cancelling,
    checking,
    dry_run,
    migrating,
    rehearsing,
    rolling_back,
    validating,
)
from roleshift.phases.context import Context
from roleshift.postgres import fence
from roleshift.postgres.session import Session

_PHASES = {
    Step.CHECK: checking.run,
    Step.BACK_UP: backing_up.run,
    Step.MIGRATE: migrating.run,
    Step.VALIDATE: validating.run,
    Step.ROLL_BACK: rolling_back.run,
    Step.CANCEL: cancelling.run,
    Step.DRY_RUN: dry_run.run,
    Step.REHEARSE: rehearsing.run,
}
_OCCUPYING = frozenset({Step.BACK_UP, Step.MIGRATE, Step.VALIDATE, Step.ROLL_BACK, Step.REHEARSE})
_FAILS_AS = {Step.REHEARSE: Phase.MIGRATING}
"""The phase that an error is judged by, where it is not the run's own."""


@dataclass(slots=True)
class Sessions:
    """The two sessions of a run, see `Context`; `locked` once the target's lock is held."""

    control: Session
    work: Session
    locked: bool = False

    async def lock_target(self, run: RunRecord) -> None:
        """Hold the lock on the run's target from now on; once is enough."""
        if not self.locked and run.target_oid is not None:
            await fence.lock_target(self.control, run.target_oid)
            self.locked = True


class Performer:
    """Performs the steps of one claimed run."""

    def __init__(self, sessions: Sessions, desk: Desk) -> None:
        self._sessions = sessions
        self._desk = desk

    async def outcome(self, step: Step, run: RunRecord, migration: RoleMigration) -> Outcome:
        """What a step comes to; an error is an outcome too, as long as the ledger can be asked.

        Raises:
            FencedError: somebody else took the run over.
            RoleshiftError: the session of the ledger is gone.
        """
        if step is Step.ROLL_BACK and run.phase is not Phase.ROLLING_BACK:
            return Undo(Reason.ROLLED_BACK_ON_REQUEST, "a person asked for the old roles", Extent.COMMITTED)
        if step is Step.ACCEPT:
            return accepted(run)
        try:
            if step in _OCCUPYING:
                await self._sessions.lock_target(run)
            return await self._performed(step, self._context(run, migration))
        except FencedError:
            raise
        except RoleshiftError as error:
            self._desk.reporter.error(error, run.run_id)
            if not self._sessions.control.is_usable:
                raise
            await self._end_what_was_lost()
            return outcome_of_error(_FAILS_AS.get(step, run.phase), error)

    async def _end_what_was_lost(self) -> None:
        """A COMMIT may still be on its way to a backend that nobody listens to any more."""
        if not self._sessions.work.is_usable:
            await fence.end_backend(self._sessions.control, self._sessions.work.backend)

    async def _performed(self, step: Step, context: Context) -> Outcome:
        """Run a phase; one of which nothing is committed yet ends when people want something else."""
        work = _PHASES[step](context)
        if step not in INTERRUPTIBLE:
            return await work
        return await unless_unwanted(work, self._desk.inbox, lambda: self._is_unwanted(step, context.run))

    def _is_unwanted(self, step: Step, run: RunRecord) -> bool:
        try:
            _, requests = self._desk.look()
        except SpecError:
            return step is Step.REHEARSE
        return stops(step, requests, run)

    def _context(self, run: RunRecord, migration: RoleMigration) -> Context:
        reporter = self._desk.reporter
        started = reporter.now()

        def rows_done(done: int, total: int) -> None:
            reporter.show_progress(Progress(total, done, started, reporter.now()))

        return Context(
            spec=migration.spec,
            run=run,
            control=self._sessions.control,
            work=self._sessions.work,
            rows_done=rows_done,
            surroundings=lambda: self._desk.surroundings(migration),
            store=lambda: self._desk.store.read(migration),
        )
