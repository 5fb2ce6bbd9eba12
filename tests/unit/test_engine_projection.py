"""The status as a projection of the ledger: always within the API's bounds, and the same for the same run."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from roleshift.api import Mode, Phase, RoleMigrationStatus, RollbackResult
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.conditions import Activity, View
from roleshift.engine.progress import Progress
from roleshift.engine.projection import ObjectFacts, project, project_over
from roleshift.engine.run import LogEntry, LogOutcome, RollbackRecord
from roleshift.errors import Reason
from support.engine_values import IMAGE, NOW, PASSED, PLAN, WRITE, finding, run_in, views
from support.structural import status_schema, violations

SCHEMA = status_schema()
ABOUT = ObjectFacts(generation=7, previous=None, handled_reconcile="yesterday")
SLOW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def entry(step: Phase, outcome: LogOutcome, minute: int, message: str = "") -> LogEntry:
    return LogEntry(
        step, outcome, NOW + timedelta(minutes=minute), NOW + timedelta(minutes=minute + 1), 10, message
    )


def shown(view: View) -> RoleMigrationStatus:
    return project(view, ABOUT, NOW)


# Any run


@SLOW
@given(views())
def test_every_status_fits_the_schema_of_the_api(view: View) -> None:
    assert not list(violations(shown(view).dump(), SCHEMA))


@SLOW
@given(views(), views())
def test_every_status_that_is_laid_over_another_fits_it_too(first: View, second: View) -> None:
    assert not list(violations(project_over(shown(first), second, ABOUT, NOW).dump(), SCHEMA))


@SLOW
@given(views())
def test_the_same_view_gives_the_same_status_when_it_is_rebuilt(view: View) -> None:
    first = shown(view)
    read_back = RoleMigrationStatus.model_validate(first.dump(), by_alias=True, by_name=False)
    later = replace(ABOUT, previous=read_back)
    assert project(view, later, NOW + timedelta(hours=1)).dump() == first.dump()


@SLOW
@given(views())
def test_the_status_speaks_of_the_generation_that_was_looked_at(view: View) -> None:
    status = shown(view)
    assert status.observed_generation == 7
    assert status.last_handled_reconcile_at == "yesterday"
    assert status.phase is view.phase


@SLOW
@given(views(), views())
def test_what_is_laid_over_a_status_changes_phase_and_conditions_only(first: View, second: View) -> None:
    before = shown(first)
    after = project_over(before, second, replace(ABOUT, generation=8), NOW)
    changed = {"phase": after.phase, "conditions": after.conditions, "observed_generation": 8}
    assert before.model_copy(update=changed) == after
    kinds = [condition.type for condition in after.conditions]
    assert len(kinds) == len(set(kinds))


# Known runs


def test_a_status_without_a_ledger_says_why_and_nothing_else() -> None:
    view = View(Phase.PENDING, Activity.WAITING, Reason.SECRET_NOT_FOUND, "create it")
    dumped = shown(view).dump()
    assert {key for key, value in dumped.items() if value} == {
        "observedGeneration",
        "phase",
        "conditions",
        "lastHandledReconcileAt",
    }


def test_a_run_in_mid_write_shows_its_rate_and_when_it_will_be_done() -> None:
    run = run_in(Phase.MIGRATING, plan=PLAN, image=IMAGE)
    progress = Progress(10, 6, NOW, NOW + timedelta(seconds=2))
    view = View(Phase.MIGRATING, Activity.WORKING, Reason.MIGRATING, "", run, progress=progress)
    found = shown(view).progress
    assert found is not None
    assert (found.percent, found.rows_per_second, found.bar) == (60, 3, "[######----] 60%")
    assert found.estimated_completion_time is not None


def test_a_finished_write_is_at_a_hundred_percent_without_a_rate() -> None:
    run = run_in(Phase.DONE, plan=PLAN, image=IMAGE, write=WRITE)
    found = shown(View(Phase.DONE, Activity.ENDED, Reason.MIGRATION_COMPLETED, "", run)).progress
    assert found is not None
    assert (found.percent, found.rows_processed, found.rows_per_second) == (100, 10, None)


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.CHECKING, Phase.FAILED])
def test_there_is_no_progress_before_the_write_nor_after_a_failure(phase: Phase) -> None:
    view = View(phase, Activity.WAITING, Reason.LOCK_TIMEOUT, "", run_in(phase, plan=PLAN))
    assert shown(view).progress is None


def test_the_steps_are_told_in_order_with_what_became_of_each() -> None:
    log = (
        entry(Phase.CHECKING, LogOutcome.SUCCEEDED, 0, "score 100"),
        entry(Phase.BACKING_UP, LogOutcome.SUCCEEDED, 1),
        entry(Phase.MIGRATING, LogOutcome.COMMITTING, 2),
        entry(Phase.MIGRATING, LogOutcome.RETRIED, 3),
    )
    run = run_in(Phase.MIGRATING, log=log, phase_started_at=NOW + timedelta(minutes=2))
    steps = shown(View(Phase.MIGRATING, Activity.WORKING, Reason.MIGRATING, "again", run)).steps
    told = [(step.name, step.state, step.attempts, step.message) for step in steps]
    assert told == [
        ("Checking", "Succeeded", 1, "score 100"),
        ("BackingUp", "Succeeded", 1, ""),
        ("Migrating", "Running", 2, "again"),
    ]
    assert steps[-1].completion_time is None


def test_a_step_that_waits_says_so() -> None:
    view = View(Phase.CHECKING, Activity.WAITING, Reason.LOCK_TIMEOUT, "held", run_in(Phase.CHECKING))
    (step,) = shown(view).steps
    assert (step.name, step.state) == ("Checking", "Waiting")


@pytest.mark.parametrize("outcome", [LogOutcome.UNDONE, LogOutcome.FAILED])
def test_a_step_that_was_undone_has_failed(outcome: LogOutcome) -> None:
    run = run_in(Phase.FAILED, log=(entry(Phase.MIGRATING, outcome, 0),))
    (step,) = shown(View(Phase.FAILED, Activity.ENDED, Reason.DATABASE_ERROR, "", run)).steps
    assert (step.name, step.state) == ("Migrating", "Failed")


def test_the_safety_of_a_run_counts_its_findings() -> None:
    found = (finding(CheckResult.PASSED), finding(CheckResult.UNKNOWN, CheckName.ROLE_TYPE))
    safety = shown(View(Phase.CHECKING, Activity.WAITING, Reason.CHECKS_WAITING, "", findings=found)).safety
    assert safety is not None
    assert (safety.score, safety.passed, safety.unknown, safety.failed) == (50, 1, 1, 0)


def test_a_rollback_tells_who_asked_and_what_was_left() -> None:
    record = RollbackRecord(
        Reason.ROLLED_BACK_ON_REQUEST, "ada", "wrong team", RollbackResult.PARTIAL, 8, 2, ("[1]", "[2]"), 2
    )
    run = run_in(Phase.ROLLED_BACK, rollback=record, verification=(PASSED,))
    told = shown(View(Phase.ROLLED_BACK, Activity.ENDED, Reason.ROLLED_BACK_WITH_CONFLICTS, "", run)).rollback
    assert told is not None
    assert (told.requested_by, told.reason, told.result) == ("ada", "wrong team", RollbackResult.PARTIAL)
    assert (told.rows_restored, told.conflicts, told.remaining, told.examples) == (8, 2, 2, ["[1]", "[2]"])


def test_a_lost_ledger_keeps_what_was_known_of_the_run() -> None:
    run = run_in(Phase.DONE, plan=PLAN, image=IMAGE, write=WRITE)
    done = shown(View(Phase.DONE, Activity.ENDED, Reason.MIGRATION_COMPLETED, "", run))
    lost = project_over(done, View(Phase.FAILED, Activity.ENDED, Reason.LEDGER_LOST, "gone"), ABOUT, NOW)
    assert lost.run_id == run.run_id
    assert lost.backup == done.backup
    assert lost.phase is Phase.FAILED


def test_a_rehearsal_shows_its_phases_and_no_progress_once_it_is_over() -> None:
    log = (
        entry(Phase.CHECKING, LogOutcome.SUCCEEDED, 0, "score 100"),
        entry(Phase.BACKING_UP, LogOutcome.REHEARSED, 1, "rehearsed: an image"),
        entry(Phase.MIGRATING, LogOutcome.FAILED, 2, "rehearsed: a verification failed"),
    )
    run = run_in(Phase.FAILED, mode=Mode.REHEARSE, plan=PLAN, log=log)
    status = shown(View(Phase.FAILED, Activity.ENDED, Reason.VALIDATION_FAILED, "over", run))
    assert [(step.name, step.state) for step in status.steps] == [
        ("Checking", "Succeeded"),
        ("BackingUp", "Succeeded"),
        ("Migrating", "Failed"),
    ]
    done = replace(run, phase=Phase.DONE)
    assert shown(View(Phase.DONE, Activity.ENDED, Reason.REHEARSAL_COMPLETED, "over", done)).progress is None
