"""Drives one run from step to step on open sessions: performs, settles, reports.

What comes next is the engine's decision, from the ledger; here it is only
carried out. Which object it is, and when to look again, is the worker's.
"""

from dataclasses import replace
from datetime import timedelta

from roleshift.api import Phase, RoleMigration
from roleshift.cluster.client import ConflictError
from roleshift.cluster.status_writer import ObjectGoneError
from roleshift.controller import closing
from roleshift.controller.desk import Desk
from roleshift.controller.interruptible import ObjectChangedError
from roleshift.controller.latching import latch
from roleshift.controller.performing import Performer, Sessions
from roleshift.controller.views import (
    SUSPENDED,
    deciding_view,
    ended_view,
    rehearsing_view,
    view_of,
    waiting_view,
)
from roleshift.engine import approval
from roleshift.engine.conditions import Activity, View
from roleshift.engine.decisions import waiting_message
from roleshift.engine.neighbours import Neighbour, superseded
from roleshift.engine.outcome import Advance, Extent, Outcome, Retry, Undo
from roleshift.engine.requests import Requests
from roleshift.engine.retention import unless_removed
from roleshift.engine.run import RunRecord
from roleshift.engine.settlement import (
    WORKING_REASONS,
    RetryPolicy,
    Settlement,
    given_up,
    resolved,
    settle,
)
from roleshift.engine.situation import situation_of, undoes_a_write
from roleshift.engine.steps import Step, after_gate, next_step
from roleshift.engine.waiting import WITHOUT_END
from roleshift.errors import Reason
from roleshift.postgres import fence, ledger, neighbours, retention

_IDLE = frozenset({Step.REST, Step.PAUSE, Step.AWAIT})


class Driver:
    """Carries one claimed run on until it rests or waits."""

    def __init__(self, sessions: Sessions, desk: Desk) -> None:
        self._sessions = sessions
        self._desk = desk
        self._reporter = desk.reporter
        self._performer = Performer(sessions, desk)
        self._looks = desk.patience.looks
        self._waited_seconds = desk.patience.seconds
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
            migration, requests = self._desk.look()
            if requests.spec_hash != run.identity.spec_hash:
                raise ObjectChangedError
            run, newer = await self._heard(run, requests)
            self.run = run
            step = next_step(situation_of(run, requests, newer))
            if step in _IDLE:
                self._show_idle(step, run, requests)
                return None
            if newer is None:
                outcome = await self._gated(step, run, migration, requests)
            else:
                outcome = superseded(run, newer)
            run, settlement = await self._settled(run, outcome, migration)
            self.run = run
            if settlement.pause != 0.0 or not self._sessions.work.is_usable:
                return settlement

    def _show_idle(self, step: Step, run: RunRecord, requests: Requests) -> None:
        if step is Step.AWAIT:
            self._reporter.show(deciding_view(run, waiting_message(run, requests)))
        elif step is Step.REST:
            self._reporter.show(ended_view(run))
        else:
            self._reporter.show(waiting_view(run, Reason.SUSPENDED, SUSPENDED))

    async def _gated(
        self, step: Step, run: RunRecord, migration: RoleMigration, requests: Requests
    ) -> Outcome:
        outcome = await self._performer.outcome(step, run, migration)
        if step is Step.CHECK and isinstance(outcome, Advance):
            return await self._begun(run, outcome, migration, requests)
        return outcome

    async def _begun(
        self, run: RunRecord, outcome: Advance, migration: RoleMigration, requests: Requests
    ) -> Outcome:
        """The gate is open: wait for a person, or go on; a dry run asks nobody."""
        run = await self._latched(await ledger.reloaded(self._sessions.control, run), requests)
        step = after_gate(run.mode)
        if step is Step.DRY_RUN:
            return await self._performer.outcome(step, run, migration)
        waits = approval.awaited(run, requests.approval, migration.spec.retry.max_backoff_seconds)
        if waits is not None:
            return waits
        await fence.must_be_alone(self._sessions.control, run)
        if step is Step.REHEARSE:
            self._reporter.show(rehearsing_view(run))
            return await self._performer.outcome(step, run, migration)
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
        migration, _ = self._desk.look()
        asked = Undo(Reason.ROLLED_BACK_ON_REQUEST, "the restore is tried again", Extent.COMMITTED)
        async with self._sessions.control.transaction(closing.TIMEOUTS):
            await ledger.record(self._sessions.control, run, ledger.Documents(retry_token=retry_token))
            begun, settlement = await self._decided(run, asked, migration)
        self._reporter.show(view_of(begun, settlement))
        return begun

    async def _latched(self, run: RunRecord, requests: Requests) -> RunRecord:
        """The run with what people ask of it."""
        new = await latch(self._sessions.control, run, requests)
        return await ledger.reloaded(self._sessions.control, run) if new else run

    async def _heard(self, run: RunRecord, requests: Requests) -> tuple[RunRecord, Neighbour | None]:
        """The run with what people ask of it, or a later run because of which a rollback is refused.

        A refused request is not noted. No later run can begin while the lock on the target is held.
        """
        if undoes_a_write(run, requests):
            await self._sessions.lock_target(run)
            newer = await neighbours.newer(self._sessions.control, run)
            if newer is not None:
                return run, newer
        return await self._latched(run, requests), None

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
        outcome = unless_removed(run, outcome)
        retry = migration.spec.retry
        policy = RetryPolicy(retry.limit, retry.backoff_seconds, retry.max_backoff_seconds)
        settlement = settle(run.phase, outcome, attempts=run.attempts, looks=self._looks, policy=policy)
        settlement = closing.with_end_reason(run, settlement)
        if isinstance(outcome, Retry):
            self._reporter.retried(outcome.error.reason)
        if settlement.waiting and not closing.is_kept(run, settlement):
            return run, settlement
        await closing.persist(self._sessions.control, run, outcome, settlement)
        if settlement.ended:
            await retention.set_expiry(self._sessions.control, run, migration.spec.backup.retention_seconds)
        return await ledger.reloaded(self._sessions.control, run), settlement
