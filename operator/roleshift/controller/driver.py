"""Drives one run from step to step on open sessions: performs, settles, reports.

What comes next is the engine's decision, from the ledger; here it is only
carried out. Which object it is, and when to look again, is the worker's.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from roleshift.api import Phase, RoleMigration
from roleshift.api.fields import immutable_part
from roleshift.cluster.client import ConflictError
from roleshift.cluster.status_writer import ObjectGoneError
from roleshift.controller import closing
from roleshift.controller.interruptible import (
    INTERRUPTIBLE,
    ObjectChangedError,
    stops,
    unless_unwanted,
)
from roleshift.controller.ports import Inbox
from roleshift.controller.reporter import Reporter
from roleshift.controller.views import SUSPENDED, ended_view, rehearsing_view, view_of, waiting_view
from roleshift.engine import approval
from roleshift.engine.conditions import Activity, View
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.outcome import Advance, Extent, Outcome, Retry, Undo
from roleshift.engine.progress import Progress
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.engine.settlement import (
    WORKING_REASONS,
    RetryPolicy,
    Settlement,
    given_up,
    outcome_of_error,
    resolved,
    settle,
)
from roleshift.engine.steps import RollbackRequest, Situation, Step, WriteState, after_gate, next_step
from roleshift.engine.waiting import WITHOUT_END
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
from roleshift.postgres import fence, ledger
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


class Driver:
    """Carries one claimed run on until it rests or waits."""

    def __init__(
        self,
        sessions: Sessions,
        reporter: Reporter,
        inbox: Inbox,
        look: Callable[[], tuple[RoleMigration, Requests]],
        surroundings: Callable[[RoleMigration], Awaitable[Surroundings]],
        *,
        looks: int,
        waited_seconds: float,
    ) -> None:
        """Takes what it works on.

        Args:
            look: reads the newest state of the object.
            surroundings: looks at what is outside the database.
            looks: how often the run has looked at what it waits for.
            waited_seconds: for how long it has waited already.
        """
        self._sessions = sessions
        self._reporter = reporter
        self._inbox = inbox
        self._look = look
        self._surroundings = surroundings
        self._looks = looks
        self._waited_seconds = waited_seconds
        self.run: RunRecord | None = None

    async def drive(self, run: RunRecord) -> Settlement | None:
        """Perform steps until one has to wait; no settlement when nothing is left to do.

        What has become of the run until then, or until an error, is in `run`.

        Raises:
            ObjectChangedError: another run than this one is wanted now.
            FencedError: somebody else took the run over.
            RoleshiftError: a session is gone.
        """
        while True:
            migration, requests = self._look()
            if requests.spec_hash != run.identity.spec_hash:
                raise ObjectChangedError
            self.run = run = await self._latched(run, requests)
            step = next_step(_situation(run, requests))
            if step is Step.REST:
                self._reporter.show(ended_view(run))
                return None
            if step is Step.PAUSE:
                self._reporter.show(waiting_view(run, Reason.SUSPENDED, SUSPENDED))
                return None
            outcome = await self._outcome(step, run, migration)
            if step is Step.CHECK and isinstance(outcome, Advance):
                outcome = await self._begun(run, outcome, migration, requests)
            run, settlement = await self._settled(run, outcome, migration)
            self.run = run
            if settlement.pause != 0.0 or not self._sessions.work.is_usable:
                return settlement

    async def _begun(
        self, run: RunRecord, outcome: Advance, migration: RoleMigration, requests: Requests
    ) -> Outcome:
        """The gate is open: wait for a person, or go on; a dry run asks nobody."""
        run = await self._latched(await self._reloaded(run), requests)
        step = after_gate(run.mode)
        if step is Step.DRY_RUN:
            return await self._outcome(step, run, migration)
        waits = approval.awaited(run, requests.approval, migration.spec.retry.max_backoff_seconds)
        if waits is not None:
            return waits
        await fence.must_be_alone(self._sessions.control, run)
        if step is Step.REHEARSE:
            self._reporter.show(rehearsing_view(run))
            return await self._outcome(step, run, migration)
        await self._freeze(run, outcome)
        return outcome

    async def _freeze(self, run: RunRecord, outcome: Advance) -> None:
        """Before the first write: the spec that was checked must be the one that stands, for good."""
        phase = Phase.BACKING_UP
        begun = View(phase, Activity.WORKING, WORKING_REASONS[phase], outcome.message, run, run.findings)
        try:
            await self._reporter.freeze(begun)
        except (ConflictError, ObjectGoneError) as error:
            raise ObjectChangedError from error

    async def restore_again(self, run: RunRecord, retry_token: str) -> RunRecord:
        """Begin the restore of a run anew whose rollback had failed, because a person asked for it."""
        migration, _ = self._look()
        asked = Undo(Reason.ROLLED_BACK_ON_REQUEST, "the restore is tried again", Extent.COMMITTED)
        async with self._sessions.control.transaction(closing.TIMEOUTS):
            await ledger.record(self._sessions.control, run, ledger.Documents(retry_token=retry_token))
            begun, settlement = await self._decided(run, asked, migration)
        self._reporter.show(view_of(begun, settlement))
        return begun

    async def _latched(self, run: RunRecord, requests: Requests) -> RunRecord:
        """Remember a request for the old state, or an approval of the plan, when it is first seen."""
        who, why = requests.requested_by, requests.reason
        if _is_new_rollback(run, requests):
            await ledger.latch_rollback(self._sessions.control, run, who, why)
        elif run.plan is not None and approval.is_new(run, requests.approval):
            await ledger.latch_approval(self._sessions.control, run, run.plan.hash, who, why)
        else:
            return run
        return await self._reloaded(run)

    async def _outcome(self, step: Step, run: RunRecord, migration: RoleMigration) -> Outcome:
        if step is Step.ROLL_BACK and run.phase is not Phase.ROLLING_BACK:
            return Undo(Reason.ROLLED_BACK_ON_REQUEST, "a person asked for the old roles", Extent.COMMITTED)
        try:
            if step in _OCCUPYING and not self._sessions.locked and run.target_oid is not None:
                await fence.lock_target(self._sessions.control, run.target_oid)
                self._sessions.locked = True
            return await self._performed(step, self._context(run, migration))
        except FencedError:
            raise
        except RoleshiftError as error:
            self._reporter.error(error, run.run_id)
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
        return await unless_unwanted(work, self._inbox, lambda: self._is_unwanted(step, context.run))

    def _is_unwanted(self, step: Step, run: RunRecord) -> bool:
        try:
            _, requests = self._look()
        except SpecError:
            return step is Step.REHEARSE
        return stops(step, requests, run)

    def _context(self, run: RunRecord, migration: RoleMigration) -> Context:
        started = self._reporter.now()

        def rows_done(done: int, total: int) -> None:
            self._reporter.show_progress(Progress(total, done, started, self._reporter.now()))

        return Context(
            spec=migration.spec,
            immutable=immutable_part(migration.spec),
            run=run,
            control=self._sessions.control,
            work=self._sessions.work,
            rows_done=rows_done,
            surroundings=lambda: self._surroundings(migration),
        )

    async def _settled(
        self, run: RunRecord, outcome: Outcome, migration: RoleMigration
    ) -> tuple[RunRecord, Settlement]:
        async with self._sessions.control.transaction(closing.TIMEOUTS):
            run, settlement = await self._decided(run, outcome, migration)
        if not settlement.waiting:
            self._looks, self._waited_seconds = 0, 0.0
        self._reporter.show(self._announced(view_of(run, settlement), settlement.pause))
        return run, settlement

    def _announced(self, view: View, pause: float | None) -> View:
        """A closed gate says when it is looked at again."""
        at_the_gate = view.is_waiting and view.phase is Phase.CHECKING and view.reason not in WITHOUT_END
        if not at_the_gate or pause is None:
            return view
        again = self._reporter.now() + timedelta(seconds=pause)
        return replace(view, message=f"waits, looks again at {again:%H:%M:%S} UTC: {view.message}")

    async def _decided(
        self, run: RunRecord, outcome: Outcome, migration: RoleMigration
    ) -> tuple[RunRecord, Settlement]:
        """Settle and write it down while no writer of the run can be under way."""
        run = await fence.hold(self._sessions.control, run)
        outcome = resolved(run.phase, given_up(run.phase, outcome, self._waited_seconds), run.write_state)
        retry = migration.spec.retry
        policy = RetryPolicy(retry.limit, retry.backoff_seconds, retry.max_backoff_seconds)
        settlement = settle(run.phase, outcome, attempts=run.attempts, looks=self._looks, policy=policy)
        settlement = closing.with_end_reason(run, settlement)
        if isinstance(outcome, Retry):
            self._reporter.retried(outcome.error.reason)
        if settlement.waiting and not closing.is_kept(run, settlement):
            return run, settlement
        await closing.persist(self._sessions.control, run, outcome, settlement)
        return await self._reloaded(run), settlement

    async def _reloaded(self, run: RunRecord) -> RunRecord:
        current = await ledger.find(self._sessions.control, run.identity)
        if current is None or current.epoch != run.epoch or current.run_id != run.run_id:
            raise FencedError
        return current


def _is_new_rollback(run: RunRecord, requests: Requests) -> bool:
    ended = run.phase in (Phase.ROLLED_BACK, Phase.FAILED)
    wanted = requests.rollback is RollbackRequest.REQUESTED
    return wanted and run.rollback_requested_at is None and not ended


def _situation(run: RunRecord, requests: Requests) -> Situation:
    unwritten = run.write_state is WriteState.NOT_COMMITTED
    asked = run.rollback_requested_at is not None or (requests.deleting and unwritten)
    return Situation(
        phase=run.phase,
        write=run.write_state,
        rollback=RollbackRequest.REQUESTED if asked else RollbackRequest.NONE,
        suspension=requests.suspension,
        mode=run.mode,
    )
