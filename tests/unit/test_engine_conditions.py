"""Conditions by kstatus: what `kubectl wait`, Flux and Argo CD make of a run."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.api import ConditionStatus, ConditionType, Mode, Phase, RoleMigrationStatus, RollbackResult
from roleshift.api.safety import CheckName, CheckResult, Severity
from roleshift.engine.conditions import (
    Activity,
    View,
    conditions,
    end_reason_of_rollback,
    is_closed_by_checks,
)
from roleshift.engine.run import LogEntry, LogOutcome
from roleshift.errors import Reason
from support.engine_values import FAILED, IMAGE, NOW, PASSED, PLAN, approved, finding, run_in, views

T, F, U = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
UNDERWAY = [phase for phase in Phase if phase not in (Phase.DONE, Phase.ROLLED_BACK, Phase.FAILED)]


def standing(view: View) -> dict[ConditionType, ConditionStatus]:
    return {condition.type: condition.status for condition in conditions(view, 3, None, NOW)}


def ended(phase: Phase, reason: Reason) -> View:
    return View(phase, Activity.ENDED, reason, "over", run_in(phase, reason=reason))


@given(views())
def test_ready_and_succeeded_always_stand_and_nothing_twice(view: View) -> None:
    kinds = [condition.type for condition in conditions(view, 3, None, NOW)]
    assert {ConditionType.READY, ConditionType.SUCCEEDED} <= set(kinds)
    assert len(kinds) == len(set(kinds))


@given(views())
def test_reconciling_and_stalled_stand_only_when_true_and_never_together(view: View) -> None:
    found = standing(view)
    present = [found.get(kind) for kind in (ConditionType.RECONCILING, ConditionType.STALLED)]
    assert present in ([None, None], [T, None], [None, T])


@given(views())
def test_kstatus_calls_a_run_current_failed_or_in_progress_and_nothing_else(view: View) -> None:
    """Ready and at rest is Current, stalled is Failed, everything else is under way.

    So is a dry run or a rehearsal that is Done: it waits for a person, and kstatus has no word for that.
    """
    found = standing(view)
    at_rest = ConditionType.RECONCILING not in found
    assert at_rest is (view.activity is Activity.ENDED)
    if view.is_concluded:
        assert (found[ConditionType.READY], found.get(ConditionType.STALLED)) == (F, None)
    elif at_rest:
        assert (found[ConditionType.READY] is T) is (ConditionType.STALLED not in found)


@given(views())
def test_every_condition_carries_reason_message_and_generation(view: View) -> None:
    for condition in conditions(view, 3, None, NOW):
        assert condition.reason
        assert condition.observed_generation == 3
        assert condition.last_transition_time == NOW


@pytest.mark.parametrize("phase", UNDERWAY)
@pytest.mark.parametrize("activity", [Activity.WORKING, Activity.WAITING])
def test_a_run_under_way_is_in_progress_and_unknown(phase: Phase, activity: Activity) -> None:
    found = standing(View(phase, activity, Reason.MIGRATING, "on its way"))
    assert found[ConditionType.READY] is F
    assert found[ConditionType.SUCCEEDED] is U
    assert found[ConditionType.RECONCILING] is T


@pytest.mark.parametrize(
    ("view", "ready", "succeeded", "stalled"),
    [
        (ended(Phase.DONE, Reason.MIGRATION_COMPLETED), T, T, None),
        (ended(Phase.ROLLED_BACK, Reason.ROLLED_BACK_ON_REQUEST), T, F, None),
        (ended(Phase.ROLLED_BACK, Reason.VALIDATION_FAILED), F, F, T),
        (ended(Phase.ROLLED_BACK, Reason.ROLLED_BACK_WITH_CONFLICTS), F, F, T),
        (ended(Phase.FAILED, Reason.UNMAPPED_ROLES), F, F, T),
        (ended(Phase.FAILED, Reason.ROLLBACK_FAILED), F, F, T),
        (ended(Phase.FAILED, Reason.LEDGER_LOST), F, F, T),
        (ended(Phase.FAILED, Reason.FOREIGN_RUN), F, F, T),
    ],
)
def test_an_end_is_good_only_when_it_is_what_was_asked_for(
    view: View, ready: ConditionStatus, succeeded: ConditionStatus, stalled: ConditionStatus | None
) -> None:
    found = standing(view)
    assert found[ConditionType.READY] is ready
    assert found[ConditionType.SUCCEEDED] is succeeded
    assert found.get(ConditionType.STALLED) is stalled


def test_a_done_run_whose_rollback_is_refused_is_in_progress_and_not_ready() -> None:
    found = standing(View(Phase.DONE, Activity.WAITING, Reason.SUPERSEDED, "roll back the later one"))
    assert (found[ConditionType.READY], found[ConditionType.SUCCEEDED]) == (F, T)
    assert found[ConditionType.RECONCILING] is T
    assert ConditionType.STALLED not in found


def test_milestones_stand_only_once_they_are_known() -> None:
    bare = standing(View(Phase.CHECKING, Activity.WORKING, Reason.CHECKING, ""))
    assert set(bare) == {ConditionType.READY, ConditionType.SUCCEEDED, ConditionType.RECONCILING}
    run = run_in(Phase.VALIDATING, image=IMAGE, verification=(PASSED,))
    checked = (finding(CheckResult.PASSED),)
    full = standing(View(Phase.VALIDATING, Activity.WORKING, Reason.VALIDATING, "", run, checked))
    for kind in (
        ConditionType.PRECHECKS_PASSED,
        ConditionType.APPROVED,
        ConditionType.BACKUP_READY,
        ConditionType.DATA_CONSISTENT,
    ):
        assert full[kind] is T


@pytest.mark.parametrize("bad", [CheckResult.FAILED, CheckResult.UNKNOWN])
def test_a_check_that_fell_is_named(bad: CheckResult) -> None:
    view = View(Phase.FAILED, Activity.ENDED, Reason.LOCK_TIMEOUT, "", findings=(finding(bad),))
    found = {c.type: c for c in conditions(view, 1, None, NOW)}[ConditionType.PRECHECKS_PASSED]
    assert (found.status, found.reason) == (F, Reason.LOCK_TIMEOUT)
    assert "Locks" in found.message


@pytest.mark.parametrize("phase", [Phase.BACKING_UP, Phase.MIGRATING, Phase.VALIDATING, Phase.DONE])
def test_past_the_gate_the_checks_have_passed_although_one_of_them_fell(phase: Phase) -> None:
    activity = Activity.ENDED if phase is Phase.DONE else Activity.WORKING
    minor = replace(finding(CheckResult.UNKNOWN, CheckName.MEMORY), severity=Severity.MINOR)
    view = View(phase, activity, Reason.MIGRATING, "", findings=(minor,))
    found = {c.type: c for c in conditions(view, 1, None, NOW)}[ConditionType.PRECHECKS_PASSED]
    assert (found.status, found.reason) == (T, "ChecksPassed")
    assert found.message.endswith("; Memory Unknown")


@pytest.mark.parametrize(
    ("last", "status"), [(LogOutcome.SUCCEEDED, T), (LogOutcome.FAILED, F)], ids=["after it", "at it"]
)
def test_a_run_that_failed_tells_whether_that_was_at_the_gate(
    last: LogOutcome, status: ConditionStatus
) -> None:
    log = (LogEntry(Phase.CHECKING, LogOutcome.SUCCEEDED, NOW, NOW), LogEntry(Phase.CHECKING, last, NOW, NOW))
    run = run_in(Phase.FAILED, log=log)
    view = View(Phase.FAILED, Activity.ENDED, Reason.LOCK_TIMEOUT, "", run, (finding(CheckResult.FAILED),))
    assert standing(view)[ConditionType.PRECHECKS_PASSED] is status


def test_a_score_that_is_too_low_closes_the_gate_without_a_critical_check() -> None:
    major = replace(finding(CheckResult.FAILED), severity=Severity.MAJOR)
    waiting = View(Phase.CHECKING, Activity.WAITING, Reason.SCORE_TOO_LOW, "score 80", findings=(major,))
    assert standing(waiting)[ConditionType.PRECHECKS_PASSED] is F
    looking = replace(waiting, activity=Activity.WORKING, reason=Reason.CHECKING)
    assert standing(looking)[ConditionType.PRECHECKS_PASSED] is U


def test_only_what_the_checks_found_closes_the_gate() -> None:
    fell = (finding(CheckResult.FAILED),)
    at_the_gate = View(Phase.CHECKING, Activity.WAITING, Reason.LOCK_TIMEOUT, "", findings=fell)
    assert is_closed_by_checks(at_the_gate)
    assert not is_closed_by_checks(replace(at_the_gate, reason=Reason.ANOTHER_RUN_ACTIVE))
    assert not is_closed_by_checks(replace(at_the_gate, phase=Phase.MIGRATING))
    assert not is_closed_by_checks(replace(at_the_gate, activity=Activity.WORKING))


def approved_condition(view: View) -> tuple[ConditionStatus, str] | None:
    """Status and reason of Approved."""
    found = {c.type: c for c in conditions(view, 1, None, NOW)}.get(ConditionType.APPROVED)
    return None if found is None else (found.status, found.reason)


WAITS = Reason.WAITING_FOR_APPROVAL
WAITING_RUN = run_in(Phase.CHECKING, reason=WAITS, message="read the plan", plan=PLAN)


@pytest.mark.parametrize(
    ("activity", "reason"),
    [
        (Activity.WAITING, WAITS),
        (Activity.WORKING, Reason.CHECKING),
        (Activity.WAITING, Reason.SUSPENDED),
        (Activity.WAITING, Reason.LOCK_TIMEOUT),
    ],
)
def test_a_plan_that_waits_is_not_approved_whatever_else_is_said(activity: Activity, reason: Reason) -> None:
    view = View(Phase.CHECKING, activity, reason, "", WAITING_RUN)
    assert approved_condition(view) == (F, "WaitingForApproval")


@pytest.mark.parametrize("phase", [Phase.CHECKING, Phase.BACKING_UP, Phase.DONE])
def test_a_plan_that_a_person_approved_says_who_when_and_why(phase: Phase) -> None:
    view = View(phase, Activity.WORKING, Reason.CHECKING, "", replace(WAITING_RUN, approval=approved()))
    assert approved_condition(view) == (T, "PlanApproved")
    message = next(c.message for c in conditions(view, 1, None, NOW) if c.type is ConditionType.APPROVED)
    assert message == "sha256:plan was approved by ada at 2026-11-23 12:00:00 UTC: read it"


def test_the_approval_of_another_plan_approves_nothing() -> None:
    run = replace(WAITING_RUN, approval=approved(plan_hash="sha256:older"))
    assert approved_condition(View(Phase.CHECKING, Activity.WAITING, WAITS, "", run)) == (F, WAITS)


def test_a_plan_that_nobody_has_to_approve_is_approved_by_the_policy() -> None:
    view = View(Phase.MIGRATING, Activity.WORKING, Reason.MIGRATING, "", run_in(Phase.MIGRATING, plan=PLAN))
    assert approved_condition(view) == (T, "Automatic")


def test_the_gate_is_open_while_a_plan_waits() -> None:
    view = View(Phase.CHECKING, Activity.WAITING, WAITS, "", WAITING_RUN, (finding(CheckResult.PASSED),))
    assert standing(view)[ConditionType.PRECHECKS_PASSED] is T


def test_data_that_is_not_consistent_is_said_to_be_so() -> None:
    run = run_in(Phase.ROLLING_BACK, image=IMAGE, verification=(PASSED, FAILED))
    view = View(Phase.ROLLING_BACK, Activity.WORKING, Reason.VALIDATION_FAILED, "", run)
    found = {c.type: c for c in conditions(view, 1, None, NOW)}[ConditionType.DATA_CONSISTENT]
    assert (found.status, found.reason) == (F, Reason.VALIDATION_FAILED)
    assert "UserCount" in found.message


@given(views(), views(), st.integers(1, 9))
def test_a_transition_time_moves_exactly_when_a_status_turns(first: View, second: View, later: int) -> None:
    before = conditions(first, 1, None, NOW)
    then = NOW + timedelta(seconds=later)
    times = {c.type: (c.status, c.last_transition_time) for c in before}
    for condition in conditions(second, 2, RoleMigrationStatus(conditions=before), then):
        status, since = times.get(condition.type, (None, None))
        assert condition.last_transition_time == (since if status is condition.status else then)


@pytest.mark.parametrize("trigger", [Reason.VALIDATION_FAILED, Reason.ROLLED_BACK_ON_REQUEST])
def test_rows_that_were_left_outrank_who_asked(trigger: Reason) -> None:
    assert end_reason_of_rollback(trigger, RollbackResult.COMPLETE) is trigger
    left = end_reason_of_rollback(trigger, RollbackResult.PARTIAL)
    assert left is Reason.ROLLED_BACK_WITH_CONFLICTS


# Dry runs and rehearsals


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.REHEARSE])
def test_what_wrote_nothing_succeeds_and_is_never_ready(mode: Mode) -> None:
    run = run_in(Phase.DONE, mode=mode, verification=(PASSED,))
    found = standing(View(Phase.DONE, Activity.ENDED, Reason.DRY_RUN_COMPLETED, "over", run))
    assert (found[ConditionType.READY], found[ConditionType.SUCCEEDED]) == (F, T)
    assert not {ConditionType.STALLED, ConditionType.DATA_CONSISTENT} & found.keys()
    assert (ConditionType.APPROVED in found) is (mode is Mode.REHEARSE)


def test_a_rehearsal_that_failed_tells_nothing_of_the_data_in_the_table() -> None:
    run = run_in(Phase.FAILED, mode=Mode.REHEARSE, verification=(FAILED,))
    found = standing(View(Phase.FAILED, Activity.ENDED, Reason.VALIDATION_FAILED, "over", run))
    assert (found[ConditionType.READY], found[ConditionType.STALLED]) == (F, T)
    assert ConditionType.DATA_CONSISTENT not in found
