"""Tells the world about one run: status, events, metrics, log lines. Decides nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from roleshift.api import (
    ConditionType,
    Mode,
    ObjectMeta,
    Phase,
    RoleMigration,
    RoleMigrationStatus,
    RollbackPolicy,
)
from roleshift.api.fields import CONCLUSIONS
from roleshift.cluster.events import EventType
from roleshift.cluster.status_writer import Urgency
from roleshift.controller.ports import Ports
from roleshift.engine.conditions import CHECKS_PASSED, Activity, View, is_closed_by_checks
from roleshift.engine.identity import ObjectRef
from roleshift.engine.progress import Progress
from roleshift.engine.projection import ObjectFacts, project, project_over
from roleshift.engine.requests import RECONCILE, SUSPENDED_BY
from roleshift.engine.run import RunRecord
from roleshift.engine.waiting import WITHOUT_END
from roleshift.errors import Reason, RoleshiftError
from roleshift.postgres.neighbours import Forgotten
from roleshift.telemetry.logs import run_logger
from roleshift.telemetry.object_metrics import ObjectFigures

_ANNOUNCED = frozenset(
    {Phase.CHECKING, Phase.MIGRATING, Phase.ROLLING_BACK, Phase.DONE, Phase.ROLLED_BACK, Phase.FAILED}
)
FORGOTTEN = "Forgotten"
"""The word for copied runs that were cleared, in events."""
_NOTHING_COPIED = "no run that was copied here with the database stands in the way: nothing was forgotten"
_PLANNED_AGAIN = "the checks and the plan are made again"
_Word = tuple[Phase, Reason, Activity]
_GOOD_ENDS = frozenset(
    {Reason.MIGRATION_COMPLETED, Reason.MIGRATION_ACCEPTED, Reason.ROLLED_BACK_ON_REQUEST, *CONCLUSIONS}
)


class Reporter:
    """Remembers what was said last, so that nothing is said twice."""

    def __init__(self, ports: Ports, meta: ObjectMeta, status: RoleMigrationStatus | None) -> None:
        self._ports = ports
        self._status = status
        self._said: _Word | None = None
        self._entered: tuple[Phase, datetime] | None = None
        self._view: View | None = None
        self._waited_for: set[tuple[Phase, Reason]] = set()
        self._gate_closed = False
        self._suspended = False
        self._policy = RollbackPolicy.AUTOMATIC
        self.meta = meta

    @property
    def ref(self) -> ObjectRef:
        """The object as events refer to it."""
        return ObjectRef(self.meta.namespace, self.meta.name, self.meta.uid, self.meta.resource_version)

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock."""
        return self._ports.now

    @property
    def shown(self) -> RoleMigrationStatus:
        """The status as it was published last."""
        assert self._status is not None
        return self._status

    def look(self, migration: RoleMigration) -> None:
        """The object has changed: what is said from now on is about this generation."""
        self.meta = migration.metadata
        self._policy = migration.spec.rollback.policy
        self._suspended = migration.spec.suspend or SUSPENDED_BY in migration.metadata.annotations

    def show(self, view: View) -> None:
        """Publish a state of the run; a new phase or reason goes out at once and may be an event."""
        view = replace(view, rollback_policy=self._policy)
        is_news = self._is_news(view)
        if is_news:
            self._announce(view)
        self._said, self._view = _word(view), view
        self._publish(view, Urgency.NOW if is_news else Urgency.NORMAL)

    def take_up(self, run: RunRecord) -> None:
        """Somebody works on the run now; a wait without end that was told goes on being what people see."""
        if run.reason is Reason.AWAITING_DECISION:
            return  # The driver shows it at once, with what has come of it since.
        if run.reason not in WITHOUT_END:
            self.show(View(run.phase, Activity.WORKING, run.reason, run.message, run, run.findings))
        elif not self._stands(run.phase, run.reason):
            self.show(View(run.phase, Activity.WORKING, Reason.CHECKING, _PLANNED_AGAIN, run, run.findings))

    def _stands(self, phase: Phase, reason: Reason) -> bool:
        """Whether that was the last word, about the object as it is now."""
        seen = self._status is not None and self._status.observed_generation == self.meta.generation
        return seen and self._said == (phase, reason, Activity.WAITING)

    async def freeze(self, view: View) -> None:
        """Publish a state from which on the spec can't change, and wait until it stands.

        Raises:
            ConflictError: the spec has changed meanwhile.
            ClusterError: the API server could not be asked.
        """
        frozen = project(view, self._about(), self._ports.now())
        await self._ports.freeze(self.ref.key, self.ref.uid, self.meta.generation, frozen)
        self._announce(view)
        self._said, self._view, self._status = _word(view), view, frozen

    def show_progress(self, progress: Progress) -> None:
        """Publish how far the write is; throttled."""
        if self._view is not None:
            self._publish(replace(self._view, progress=progress), Urgency.NORMAL)

    def show_unreachable(self, reason: Reason, message: str) -> None:
        """The ledger can't be asked: what the status says of the run stands, but for the conditions."""
        assert self._status is not None
        self._show_over(View(self._status.phase, Activity.WAITING, reason, message))

    def show_stalled(self, reason: Reason, message: str) -> None:
        """The ledger has no run that could go on: what the status says stands, but for the conditions."""
        view = View(Phase.FAILED, Activity.ENDED, reason, message)
        if self._status is None:
            self.show(view)
        else:
            self._show_over(view)

    def show_end(self, view: View, refusal: str) -> None:
        """Publish the end of a run, and why a new attempt that somebody asks for is refused, or ""."""
        told = self._status is not None and any(refusal in c.message for c in self._status.conditions)
        self.show(replace(view, message=f"{view.message}; {refusal}") if refusal else view)
        if refusal and not told:
            self._ports.emit(self.ref, EventType.WARNING, Reason.RETRY_REFUSED, refusal)

    def show_refused(self, view: View) -> None:
        """Publish that what a person asks for is refused; told once."""
        told = self._was_told(view.reason)
        self.show(view)
        if not told:
            self._ports.emit(self.ref, EventType.WARNING, view.reason, view.message)

    def forgot(self, forgotten: Forgotten, by: str) -> None:
        """Tell which runs were forgotten because somebody asked for it."""
        who = f", as {by} asked" if by else ""
        cleared = ", ".join([*forgotten.runs, *(f"the image {name}" for name in forgotten.images)])
        message = (
            f"copied here with the database and forgotten{who}: {cleared}" if cleared else _NOTHING_COPIED
        )
        self._ports.emit(self.ref, EventType.NORMAL, FORGOTTEN, message)
        run_logger(self.meta.namespace, self.meta.name, "").info("forgotten", message=message)

    def _show_over(self, view: View) -> None:
        assert self._status is not None
        if self._is_news(view):
            self._announce(view)
        self._said = _word(view)
        self._status = project_over(self._status, view, self._about(), self._ports.now())
        self._send(view, Urgency.NOW)

    def error(self, error: RoleshiftError, run_id: str) -> None:
        """Count and log an error of a phase."""
        if error.sqlstate or error.reason is Reason.CONNECTION_LOST:
            self._ports.metrics.database_error(error.sqlstate)
        run_logger(self.meta.namespace, self.meta.name, run_id).warning(
            "phase failed", reason=error.reason, sqlstate=error.sqlstate, error=error.message
        )

    def retried(self, reason: Reason) -> None:
        """Count a failed attempt."""
        self._ports.metrics.retried(reason)

    def _about(self) -> ObjectFacts:
        return ObjectFacts(self.meta.generation, self._status, self.meta.annotations.get(RECONCILE))

    def _publish(self, view: View, urgency: Urgency) -> None:
        self._status = project(view, self._about(), self._ports.now())
        self._send(view, urgency)

    def _send(self, view: View, urgency: Urgency) -> None:
        assert self._status is not None
        self._ports.publish(self.ref.key, self.ref.uid, self._status, urgency)
        self._ports.metrics.publish(self.ref.key, self._figures(view, self._status))

    def _is_news(self, view: View) -> bool:
        return _word(view) != self._said

    def _figures(self, view: View, status: RoleMigrationStatus) -> ObjectFigures:
        return ObjectFigures(
            phase=view.phase,
            suspended=self._suspended,
            rows_expected=status.plan.rows if status.plan else None,
            rows_processed=status.progress.rows_processed if status.progress else None,
            safety_score=status.safety.score if status.safety else None,
            checks=tuple((f.name, f.result) for f in view.findings),
        )

    def _announce(self, view: View) -> None:
        run_id = view.run.run_id if view.run else ""
        run_logger(self.meta.namespace, self.meta.name, run_id).info(
            "run", phase=view.phase, reason=view.reason, message=view.message
        )
        self._time_phase(view)
        self._waited_for = {one for one in self._waited_for if one[0] is view.phase}
        self._tell_of_the_gate(view)
        if view.is_waiting:
            self._tell_of_a_wait(view)
        elif view.reason is Reason.REHEARSING:
            self._tell_of_a_lock(view)
        elif self._is_milestone(view):
            kind = EventType.WARNING if self._is_bad(view) else EventType.NORMAL
            self._ports.emit(self.ref, kind, view.reason, view.message or view.phase)

    def _tell_of_a_wait(self, view: View) -> None:
        """Once for each reason in a phase, and not again at every look, nor because an operator is new."""
        if (view.phase, view.reason) not in self._waited_for:
            self._waited_for.add((view.phase, view.reason))
            if self._said is None and self._was_told(view.reason):
                return
            is_asked_for = view.reason is Reason.WAITING_FOR_APPROVAL
            kind = EventType.NORMAL if is_asked_for else EventType.WARNING
            self._ports.emit(self.ref, kind, view.reason, view.message)

    def _was_told(self, reason: Reason) -> bool:
        """Whether the status says so already."""
        conditions = self._status.conditions if self._status else ()
        return any(c.type is ConditionType.READY and c.reason == reason for c in conditions)

    def _tell_of_a_lock(self, view: View) -> None:
        """Once, and not again at every try."""
        if (view.phase, view.reason) not in self._waited_for:
            self._waited_for.add((view.phase, view.reason))
            self._ports.emit(self.ref, EventType.NORMAL, view.reason, view.message)

    def _tell_of_the_gate(self, view: View) -> None:
        """An open gate is news only after a closed one; that it closes is told as a wait, or as an end."""
        if view.phase is Phase.BACKING_UP and self._gate_closed:
            self._ports.emit(self.ref, EventType.NORMAL, CHECKS_PASSED, f"the gate is open: {view.message}")
        if view.phase is not Phase.CHECKING:
            self._gate_closed = False
        elif is_closed_by_checks(view):
            self._gate_closed = True

    def _is_milestone(self, view: View) -> bool:
        """A new phase that people are told of; what the status said before is no news."""
        if view.phase not in _ANNOUNCED:
            return False
        if self._said is None:
            return self._status is None or self._status.phase is not view.phase
        return self._said[0] is not view.phase

    def _is_bad(self, view: View) -> bool:
        return view.activity is Activity.ENDED and view.reason not in _GOOD_ENDS

    def _time_phase(self, view: View) -> None:
        now = self._ports.now()
        if self._entered is not None and self._entered[0] is not view.phase and view.mode is Mode.APPLY:
            phase, since = self._entered
            self._ports.metrics.phase_ended(phase, (now - since).total_seconds())
        if self._entered is None or self._entered[0] is not view.phase:
            self._count_end(view)
            self._entered = (view.phase, now)

    def _count_end(self, view: View) -> None:
        """An end that this process saw happen; one that it found in the ledger was counted before."""
        if self._entered is None or view.activity is not Activity.ENDED:
            return
        self._ports.metrics.run_ended(_outcome_of(view))
        rollback = view.run.rollback if view.run else None
        came_back = view.phase is Phase.ROLLED_BACK and view.mode is Mode.APPLY
        if came_back and rollback is not None and rollback.result is not None:
            self._ports.metrics.rollback_ended(rollback.trigger, rollback.result)


def _word(view: View) -> _Word:
    """What makes one view news after another."""
    return view.phase, view.reason, view.activity


def _outcome_of(view: View) -> str:
    """The phase that a run ended in; that of a dry run or a rehearsal is told apart by its mode."""
    return str(view.phase) if view.mode is Mode.APPLY else f"{view.mode}{view.phase}"
