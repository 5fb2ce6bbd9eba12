"""Drives one run from step to step on open sessions: performs, settles, reports.

What comes next is the engine's decision, from the ledger; here it is only
carried out. Which object it is, and when to look again, is the worker's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from roleshift.api import Phase, RoleMigration
from roleshift.api.fields import immutable_part
from roleshift.cluster.client import ConflictError
from roleshift.cluster.status_writer import ObjectGoneError
from roleshift.controller import closing
from roleshift.controller.latching import latch
from roleshift.controller.ports import Inbox
from roleshift.controller.reporter import Reporter
from roleshift.controller.views import SUSPENDED, ended_view, view_of, waiting_view
from roleshift.engine import approval
from roleshift.engine.conditions import Activity, View
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.neighbours import Neighbour, superseded
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
from roleshift.engine.situation import situation_of, wants_back
from roleshift.engine.steps import RollbackRequest, Step, next_step
from roleshift.engine.waiting import WITHOUT_END
from roleshift.errors import FencedError, Reason, RoleshiftError, SpecError
from roleshift.phases import backing_up, cancelling, checking, migrating, rolling_back, validating
from roleshift.phases.context import Context
from roleshift.postgres import fence, ledger, neighbours
from roleshift.postgres.session import Session

_PHASES = {
    Step.CHECK: checking.run,
    Step.BACK_UP: backing_up.run,
    Step.MIGRATE: migrating.run,
    Step.VALIDATE: validating.run,
    Step.ROLL_BACK: rolling_back.run,
    Step.CANCEL: cancelling.run,
}
_OCCUPYING = frozenset({Step.BACK_UP, Step.MIGRATE, Step.VALIDATE, Step.ROLL_BACK})


class ObjectChangedError(Exception):
    """The object asks for something else than the step that is under way: look at it again."""


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
            run, newer = await self._heard(run, requests)
            self.run = run
            step = next_step(situation_of(run, requests, newer))
            if step in (Step.REST, Step.PAUSE):
                self._show_idle(step, run)
                return None
            if newer is None:
                outcome = await self._gated(step, run, migration, requests)
            else:
                outcome = superseded(run, newer)
            run, settlement = await self._settled(run, outcome, migration)
            self.run = run
            if settlement.pause != 0.0 or not self._sessions.work.is_usable:
                return settlement

    def _show_idle(self, step: Step, run: RunRecord) -> None:
        idle = ended_view(run) if step is Step.REST else waiting_view(run, Reason.SUSPENDED, SUSPENDED)
        self._reporter.show(idle)

    async def _gated(
        self, step: Step, run: RunRecord, migration: RoleMigration, requests: Requests
    ) -> Outcome:
        outcome = await self._outcome(step, run, migration)
        if step is Step.CHECK and isinstance(outcome, Advance):
            return await self._begun(run, outcome, migration, requests)
        return outcome

    async def _begun(
        self, run: RunRecord, outcome: Advance, migration: RoleMigration, requests: Requests
    ) -> Outcome:
        """The gate is open: wait for a person, or freeze the manifest and go on."""
        run = await self._latched(await self._reloaded(run), requests)
        pause = migration.spec.retry.max_backoff_seconds
        waits = approval.awaited(run, requests.approval, pause)
        if waits is None:
            await self._freeze(run, outcome)
        return waits or outcome

    async def _freeze(self, run: RunRecord, outcome: Advance) -> None:
        """Before the first write: the spec that was checked must be the one that stands, for good."""
        await fence.must_be_alone(self._sessions.control, run)
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
        """The run with what people ask of it."""
        new = await latch(self._sessions.control, run, requests)
        return await self._reloaded(run) if new else run

    async def _heard(self, run: RunRecord, requests: Requests) -> tuple[RunRecord, Neighbour | None]:
        """The run with what people ask of it, or a later run because of which a rollback is refused.

        A refused request is not noted. No later run can begin while the lock on the target is held.
        """
        if run.phase is Phase.DONE and wants_back(run, requests):
            await self._lock_target(run)
            newer = await neighbours.newer(self._sessions.control, run)
            if newer is not None:
                return run, newer
        return await self._latched(run, requests), None

    async def _lock_target(self, run: RunRecord) -> None:
        if not self._sessions.locked and run.target_oid is not None:
            await fence.lock_target(self._sessions.control, run.target_oid)
            self._sessions.locked = True

    async def _outcome(self, step: Step, run: RunRecord, migration: RoleMigration) -> Outcome:
        if step is Step.ROLL_BACK and run.phase is not Phase.ROLLING_BACK:
            return Undo(Reason.ROLLED_BACK_ON_REQUEST, "a person asked for the old roles", Extent.COMMITTED)
        try:
            if step in _OCCUPYING:
                await self._lock_target(run)
            return await self._performed(step, self._context(run, migration))
        except FencedError:
            raise
        except RoleshiftError as error:
            self._reporter.error(error, run.run_id)
            if not self._sessions.control.is_usable:
                raise
            await self._end_what_was_lost()
            return outcome_of_error(run.phase, error)

    async def _end_what_was_lost(self) -> None:
        """A COMMIT may still be on its way to a backend that nobody listens to any more."""
        if not self._sessions.work.is_usable:
            await fence.end_backend(self._sessions.control, self._sessions.work.backend)

    async def _performed(self, step: Step, context: Context) -> Outcome:
        """Run a phase; a write that was not committed ends when a person asks for the old state."""
        task = asyncio.ensure_future(_PHASES[step](context))
        try:
            while step is Step.MIGRATE and await self._changed_before_the_end_of(task):
                if self._unwanted():
                    raise ObjectChangedError
            return await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _changed_before_the_end_of(self, task: asyncio.Task[Outcome]) -> bool:
        change = asyncio.ensure_future(self._inbox.wait_change())
        try:
            await asyncio.wait({task, change}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            change.cancel()
        return not task.done()

    def _unwanted(self) -> bool:
        try:
            _, requests = self._look()
        except SpecError:
            return False
        return requests.deleting or requests.rollback is RollbackRequest.REQUESTED

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
