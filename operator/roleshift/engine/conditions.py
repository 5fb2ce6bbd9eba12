"""The conditions of the object by the kstatus conventions, from the state of the run. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from roleshift.api import (
    CheckResult,
    Condition,
    ConditionStatus,
    ConditionType,
    Mode,
    Phase,
    RoleMigrationStatus,
    RollbackPolicy,
    RollbackResult,
    Severity,
    Verdict,
)
from roleshift.engine import approval
from roleshift.engine.checks import Finding
from roleshift.engine.progress import Progress
from roleshift.engine.recommendation import Recommendation, recommendation
from roleshift.engine.retention import has_lost_its_backups, removal_message
from roleshift.engine.run import ApprovalRecord, LogOutcome, RunRecord
from roleshift.engine.verification import failure_message, failures
from roleshift.errors import Reason


class Activity(StrEnum):
    """What the worker is doing with the run right now."""

    WORKING = "Working"
    WAITING = "Waiting"
    STALLED = "Stalled"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True)
class View:
    """A run at one moment, with what is not (yet) in the ledger.

    Attributes:
        reason, message: why the run is where it is, for people and scripts.
        run: the ledger row; None while no database was reached.
        progress: rows written by a transaction that is under way; from memory.
        total_checks: how many checks the catalogue knows.
    """

    phase: Phase
    activity: Activity
    reason: Reason
    message: str
    run: RunRecord | None = None
    findings: tuple[Finding, ...] = ()
    progress: Progress | None = None
    total_checks: int = 24
    rollback_policy: RollbackPolicy = RollbackPolicy.AUTOMATIC

    @property
    def is_waiting(self) -> bool:
        """Whether nothing happens until something outside changes."""
        return self.activity in (Activity.WAITING, Activity.STALLED)

    @property
    def advice(self) -> Recommendation | None:
        """Whether a rollback is advised; None where nobody waits for advice, or wants none."""
        if self.reason is not Reason.AWAITING_DECISION or self.rollback_policy is RollbackPolicy.NEVER:
            return None
        return recommendation(self.run.verification) if self.run else None

    @property
    def mode(self) -> Mode:
        """What the run may do to the table."""
        return self.run.mode if self.run else Mode.APPLY

    @property
    def is_concluded(self) -> bool:
        """Whether a dry run or a rehearsal has ended well: Done, and nobody was migrated."""
        return self.phase is Phase.DONE and self.mode is not Mode.APPLY


@dataclass(frozen=True, slots=True)
class _Claim:
    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str


def conditions(
    view: View, generation: int, previous: RoleMigrationStatus | None, now: datetime
) -> list[Condition]:
    """Every condition that holds, with the time at which its status last changed."""
    before = {c.type: c for c in previous.conditions} if previous else {}
    return [_dated(claim, generation, before.get(claim.type), now) for claim in _claims(view)]


def _dated(claim: _Claim, generation: int, before: Condition | None, now: datetime) -> Condition:
    unchanged = before is not None and before.status is claim.status
    return Condition(
        type=claim.type,
        status=claim.status,
        reason=claim.reason,
        message=claim.message,
        last_transition_time=before.last_transition_time if before and unchanged else now,
        observed_generation=generation,
    )


def _claims(view: View) -> Iterable[_Claim]:
    yield _Claim(ConditionType.READY, _ready(view), view.reason, view.message)
    yield _Claim(ConditionType.SUCCEEDED, _succeeded(view), view.reason, view.message)
    if view.activity is Activity.STALLED:
        yield _Claim(ConditionType.STALLED, ConditionStatus.TRUE, view.reason, view.message)
    elif view.activity is not Activity.ENDED:
        yield _Claim(ConditionType.RECONCILING, ConditionStatus.TRUE, view.reason, view.message)
    elif _ready(view) is ConditionStatus.FALSE and not view.is_concluded:
        yield _Claim(ConditionType.STALLED, ConditionStatus.TRUE, view.reason, view.message)
    yield from _milestones(view)


_NO_WAY_BACK = frozenset({Reason.SUPERSEDED, Reason.BACKUP_EXPIRED})


def _ready(view: View) -> ConditionStatus:
    return ConditionStatus.TRUE if _is_done(view) or _came_back(view) else ConditionStatus.FALSE


def _is_done(view: View) -> bool:
    """Done with rows migrated, and no rollback is asked for that has to be refused."""
    return view.phase is Phase.DONE and view.reason not in _NO_WAY_BACK and not view.is_concluded


def _came_back(view: View) -> bool:
    """RolledBack because a person asked, with no row left behind."""
    return view.phase is Phase.ROLLED_BACK and view.reason is Reason.ROLLED_BACK_ON_REQUEST


def _succeeded(view: View) -> ConditionStatus:
    if view.phase is Phase.DONE:
        return ConditionStatus.TRUE
    ended = view.phase in (Phase.FAILED, Phase.ROLLED_BACK)
    return ConditionStatus.FALSE if ended else ConditionStatus.UNKNOWN


CHECKS_PASSED = "ChecksPassed"
"""The word for an open gate, in conditions and events."""
PLAN_APPROVED = "PlanApproved"
"""The word for a plan that a person approved."""
_FELL = frozenset({CheckResult.FAILED, CheckResult.UNKNOWN})
_PAST_APPROVAL = frozenset(
    {Phase.BACKING_UP, Phase.MIGRATING, Phase.VALIDATING, Phase.DONE, Phase.ROLLING_BACK}
)


def _milestones(view: View) -> Iterable[_Claim]:
    """What is known beside the end; a rehearsal's verification tells nothing of the data in the table."""
    if view.findings:
        yield _prechecks(view)
    yield from _approved(view)
    if view.run and view.run.image and view.phase is not Phase.BACKING_UP:
        yield _backup_ready(view.run)
    if view.run and view.run.verification and view.mode is Mode.APPLY:
        yield _data_consistent(view.run)
    advice = view.advice
    if advice is not None and advice.verdict is not Verdict.NONE:
        text = f"{advice.verdict}: {'; '.join(advice.reasons)}"
        yield _Claim(ConditionType.ROLLBACK_RECOMMENDED, ConditionStatus.TRUE, advice.verdict, text)


def _approved(view: View) -> Iterable[_Claim]:
    """Known once the ledger has an approval of this plan, waits for one, or is past it."""
    run, kind = view.run, ConditionType.APPROVED
    given = approval.latched(run) if run else None
    if given and (view.phase in _PAST_APPROVAL or view.phase is Phase.CHECKING):
        yield _Claim(kind, ConditionStatus.TRUE, PLAN_APPROVED, approval_message(given))
    elif view.phase in _PAST_APPROVAL and view.mode is not Mode.DRY_RUN:
        yield _Claim(kind, ConditionStatus.TRUE, "Automatic", "spec.approval.policy is Automatic")
    elif run and view.phase is Phase.CHECKING and run.reason is Reason.WAITING_FOR_APPROVAL:
        yield _Claim(kind, ConditionStatus.FALSE, run.reason, run.message)


def approval_message(given: ApprovalRecord) -> str:
    """Which plan was approved, by whom, when and why."""
    who = f" by {given.by}" if given.by else ""
    why = f": {given.reason}" if given.reason else ""
    return f"{given.plan_hash} was approved{who} at {given.at:%Y-%m-%d %H:%M:%S} UTC{why}"


def _prechecks(view: View) -> _Claim:
    """The gate: checks may have fallen and it still be open."""
    stopping = [f for f in view.findings if f.severity is Severity.CRITICAL and f.result in _FELL]
    judged = f"{len(view.findings)} of the {view.total_checks} checks were made"
    if _passed_the_gate(view):
        return _Claim(
            ConditionType.PRECHECKS_PASSED, ConditionStatus.TRUE, CHECKS_PASSED, judged + _fallen(view)
        )
    if stopping:
        text = f"{judged}; {stopping[0].name}: {stopping[0].judgement.message}"
        return _Claim(
            ConditionType.PRECHECKS_PASSED, ConditionStatus.FALSE, stopping[0].judgement.reason, text
        )
    if view.reason is Reason.SCORE_TOO_LOW:
        return _Claim(ConditionType.PRECHECKS_PASSED, ConditionStatus.FALSE, view.reason, view.message)
    return _Claim(
        ConditionType.PRECHECKS_PASSED, ConditionStatus.UNKNOWN, Reason.CHECKING, judged + _fallen(view)
    )


def is_closed_by_checks(view: View) -> bool:
    """Whether a run waits in Checking because of what its checks found, and not for the database itself."""
    if view.phase is not Phase.CHECKING or not view.is_waiting:
        return False
    fell = {f.judgement.reason for f in view.findings if f.result in _FELL}
    return view.reason is Reason.SCORE_TOO_LOW or view.reason in fell


def _passed_the_gate(view: View) -> bool:
    """Past the gate now, or ended after its last look had opened it."""
    if view.phase in _PAST_APPROVAL or view.reason is Reason.WAITING_FOR_APPROVAL:
        return True
    looks = [e for e in view.run.log if e.step is Phase.CHECKING] if view.run else []
    ended = view.activity is Activity.ENDED
    return ended and bool(looks) and looks[-1].outcome is LogOutcome.SUCCEEDED


def _fallen(view: View) -> str:
    names = [f"{f.name} {f.result}" for f in view.findings if f.result in _FELL]
    return f"; {', '.join(names)}" if names else ""


def _backup_ready(run: RunRecord) -> _Claim:
    image = run.image
    assert image is not None
    if has_lost_its_backups(run):
        text = removal_message(run)
        return _Claim(ConditionType.BACKUP_READY, ConditionStatus.FALSE, image.removal_reason, text)
    text = f"{image.name}: {image.rows} rows, count and checksum compared with the table"
    if run.archive is not None:
        state = "complete" if run.archive.covers_write else "as before the write"
        text += f"; {run.archive.url}: read back and compared, {state}"
    return _Claim(ConditionType.BACKUP_READY, ConditionStatus.TRUE, "Verified", text)


def _data_consistent(run: RunRecord) -> _Claim:
    if failures(run.verification):
        text = failure_message(run.verification)
        return _Claim(ConditionType.DATA_CONSISTENT, ConditionStatus.FALSE, Reason.VALIDATION_FAILED, text)
    text = f"{len(run.verification)} verifications passed"
    return _Claim(ConditionType.DATA_CONSISTENT, ConditionStatus.TRUE, "Verified", text)


def end_reason_of_rollback(trigger: Reason, result: RollbackResult) -> Reason:
    """The reason that a finished rollback ends with: left rows outrank who asked for it."""
    return Reason.ROLLED_BACK_WITH_CONFLICTS if result is RollbackResult.PARTIAL else trigger
