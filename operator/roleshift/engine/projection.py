"""The object's status as a projection of the ledger and of what the worker is doing right now. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from roleshift.api import (
    BackupMethod,
    BackupStatus,
    CheckResult,
    CheckResultStatus,
    ConditionType,
    MatrixCell,
    Mode,
    Phase,
    PlanStatus,
    ProgressStatus,
    RecommendationStatus,
    RoleMigrationStatus,
    RollbackStatus,
    SafetyStatus,
    StepState,
    StepStatus,
    ValidationResultStatus,
    ValidationStatus,
)
from roleshift.engine.accuracy import measured, told
from roleshift.engine.checks import Finding
from roleshift.engine.conditions import View, conditions
from roleshift.engine.plan import Plan
from roleshift.engine.progress import Progress
from roleshift.engine.recommendation import Recommendation
from roleshift.engine.retention import kept
from roleshift.engine.run import Image, LogEntry, LogOutcome, RollbackRecord, RunRecord
from roleshift.engine.score import safety_score
from roleshift.engine.verification import Verdict, VerificationResult


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What the projection needs of the object itself.

    Attributes:
        previous: the status that stands now; only its transition times are read.
        handled_reconcile: the value of reconcile.fluxcd.io/requestedAt that was acted on.
    """

    generation: int
    previous: RoleMigrationStatus | None
    handled_reconcile: str | None


def project(view: View, about: ObjectFacts, now: datetime) -> RoleMigrationStatus:
    """The whole status; the same view always gives the same status but for transition times."""
    run = view.run
    return RoleMigrationStatus(
        observed_generation=about.generation,
        phase=view.phase,
        conditions=conditions(view, about.generation, about.previous, now),
        run_id=run.run_id if run else None,
        start_time=run.created_at if run else None,
        completion_time=run.completed_at if run else None,
        attempts=run.attempts if run else 0,
        last_handled_reconcile_at=about.handled_reconcile,
        plan=_plan(run) if run and run.plan else None,
        safety=safety_status(view.findings) if view.findings else None,
        progress=_progress(view),
        backup=_backup(run.image, run) if run and run.image else None,
        validation=_validation(run.verification) if run and run.verification else None,
        rollback=_rollback(run.rollback if run else None, view.advice),
        steps=list(_steps(view)),
    )


_PRESENT_ONLY_WHEN_TRUE = frozenset({ConditionType.RECONCILING, ConditionType.STALLED})


def project_over(
    previous: RoleMigrationStatus, view: View, about: ObjectFacts, now: datetime
) -> RoleMigrationStatus:
    """The status as it stands, with phase and conditions that say why nothing newer is known."""
    fresh = conditions(view, about.generation, previous, now)
    known = {condition.type for condition in fresh} | _PRESENT_ONLY_WHEN_TRUE
    kept = [condition for condition in previous.conditions if condition.type not in known]
    return previous.model_copy(
        update={
            "phase": view.phase,
            "conditions": fresh + kept,
            "observed_generation": about.generation,
        }
    )


def _plan(run: RunRecord) -> PlanStatus | None:
    """The plan, and beside its estimates what they came to."""
    shown, found = plan_status(run.plan) if run.plan else None, measured(run)
    if shown is None or found is None:
        return shown
    return shown.model_copy(
        update={
            "measured_seconds": round(found.lock_seconds, 3),
            "measured_write_seconds": round(found.write_seconds, 3),
            "measured_wal_bytes": found.wal_bytes,
            "measured_wal_of": found.wal_of,
        }
    )


def plan_status(plan: Plan) -> PlanStatus:
    """A plan as status and `roleshift plan` show it."""
    return PlanStatus(
        hash=plan.hash,
        rows=plan.proof.rows,
        matrix=[
            MatrixCell(from_role=c.from_role, to_role=c.to_role, seniority=c.seniority, rows=c.rows)
            for c in plan.proof.cells
        ],
        collisions=plan.collisions,
        escalations=list(plan.escalations),
        reversible=plan.proof.reversible,
        statements=list(plan.statements),
        estimated_seconds=plan.estimated_seconds,
        estimated_wal_bytes=plan.estimated_wal_bytes,
        estimated_image_bytes=plan.estimated_image_bytes,
        lock=plan.lock,
    )


def safety_status(findings: Sequence[Finding]) -> SafetyStatus:
    """Score, counts and results as status and `roleshift check` show them."""
    counts = {result: sum(f.result is result for f in findings) for result in CheckResult}
    return SafetyStatus(
        score=safety_score(findings),
        passed=counts[CheckResult.PASSED],
        warnings=counts[CheckResult.WARNING],
        failed=counts[CheckResult.FAILED],
        unknown=counts[CheckResult.UNKNOWN],
        waived=counts[CheckResult.WAIVED],
        results=[
            CheckResultStatus(
                name=f.name,
                category=f.category,
                result=f.result,
                severity=f.severity,
                message=f.judgement.message,
            )
            for f in findings
        ],
    )


def _progress(view: View) -> ProgressStatus | None:
    if view.progress is not None:
        return _live_progress(view.progress)
    run = view.run
    if run is None or run.plan is None or view.phase in (Phase.PENDING, Phase.CHECKING, Phase.FAILED):
        return None
    if run.mode is not Mode.APPLY or (view.phase is Phase.ROLLED_BACK and run.write is None):
        return None
    total = run.image.rows if run.image else run.plan.proof.rows
    done = min(total, _rows_done(run))
    return _still_progress(Progress(total, done, run.created_at, run.created_at))


def _rows_done(run: RunRecord) -> int:
    """Rows written, or rows restored once a rollback has begun; these can be more than the image has."""
    if run.rollback is not None:
        return run.rollback.rows_restored
    return run.write.rows if run.write else 0


def _live_progress(progress: Progress) -> ProgressStatus:
    return _still_progress(progress).model_copy(
        update={
            "rows_per_second": progress.rows_per_second,
            "estimated_completion_time": progress.estimated_completion,
        }
    )


def _still_progress(progress: Progress) -> ProgressStatus:
    return ProgressStatus(
        rows_total=progress.rows_total,
        rows_processed=progress.rows_processed,
        percent=progress.percent,
        bar=progress.bar,
    )


def _backup(image: Image, run: RunRecord) -> BackupStatus:
    """What was backed up; once it was removed, nothing of it is there or verified any more."""
    there = kept(run)
    return BackupStatus(
        name=image.name,
        methods=[BackupMethod.TABLE if one is image else BackupMethod.ARCHIVE for one in there],
        rows=image.rows,
        bytes=image.bytes,
        checksum=image.checksum,
        verified=bool(there),
        completion_time=image.created_at,
        expires_time=image.expires_at,
    )


_VERDICTS = {Verdict.PASSED: CheckResult.PASSED, Verdict.FAILED: CheckResult.FAILED}


def _validation(results: Iterable[VerificationResult]) -> ValidationStatus:
    return ValidationStatus(
        results=[
            ValidationResultStatus(name=r.name, result=_VERDICTS[r.verdict], message=r.message)
            for r in results
        ]
    )


def _rollback(record: RollbackRecord | None, advice: Recommendation | None) -> RollbackStatus | None:
    advised = RecommendationStatus(verdict=advice.verdict, reasons=list(advice.reasons)) if advice else None
    if record is None:
        return RollbackStatus(recommendation=advised) if advised else None
    return RollbackStatus(
        recommendation=advised,
        requested_by=record.requested_by or None,
        reason=record.reason or record.trigger,
        result=record.result,
        rows_restored=record.rows_restored,
        conflicts=record.conflicts,
        examples=list(record.examples),
        remaining=record.remaining,
    )


_STATES = {
    LogOutcome.SUCCEEDED: StepState.SUCCEEDED,
    LogOutcome.REHEARSED: StepState.SUCCEEDED,
    LogOutcome.ACCEPTED: StepState.SUCCEEDED,
    LogOutcome.WAITED: StepState.WAITING,
    LogOutcome.RETRIED: StepState.RUNNING,
    LogOutcome.UNDONE: StepState.FAILED,
    LogOutcome.FAILED: StepState.FAILED,
}
_NO_ATTEMPTS = (LogOutcome.ALTERED, LogOutcome.COMMITTING, LogOutcome.MEASURED, LogOutcome.WAITED)
_STEPS = (Phase.CHECKING, Phase.BACKING_UP, Phase.MIGRATING, Phase.VALIDATING, Phase.ROLLING_BACK)


def _steps(view: View) -> Iterable[StepStatus]:
    log = view.run.log if view.run else ()
    for phase in _STEPS:
        entries = [e for e in log if e.step is phase and e.outcome not in _NO_ATTEMPTS]
        if phase is view.phase:
            yield _current_step(view, entries)
        elif entries:
            yield _finished_step(phase, entries, view.run)


def _finished_step(phase: Phase, entries: Sequence[LogEntry], run: RunRecord | None) -> StepStatus:
    last = entries[-1]
    took = told(run, phase) if run and last.outcome is LogOutcome.SUCCEEDED else ""
    return StepStatus(
        name=phase,
        state=_STATES[last.outcome],
        start_time=entries[0].started_at,
        completion_time=last.ended_at,
        attempts=len(entries),
        message="; ".join(part for part in (last.message, took) if part),
    )


def _current_step(view: View, entries: Sequence[LogEntry]) -> StepStatus:
    state = StepState.WAITING if view.is_waiting else StepState.RUNNING
    started = view.run.phase_started_at if view.run else None
    return StepStatus(
        name=view.phase, state=state, start_time=started, attempts=len(entries) + 1, message=view.message
    )
