"""What a run shows of itself on its object: conditions, columns, steps, the finalizer, events."""

from datetime import datetime
from typing import Any

import pytest

from localenv.wait import wait_until
from roleshift.cluster.finalizer import FINALIZER
from support.migrations import condition_of, events_of
from support.stage import BROKEN_ASSERTION, PHASES, Stage

MILESTONES = ("PrechecksPassed", "Approved", "BackupReady", "DataConsistent")


@pytest.fixture
def done(stage: Stage) -> dict[str, Any]:
    """The status of a run that is done."""
    stage.apply()
    return stage.assert_done()


def standing(status: dict[str, Any]) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in status["conditions"]}


# Conditions


def test_a_done_run_is_ready_and_says_what_it_has_seen(done: dict[str, Any]) -> None:
    assert standing(done) == dict.fromkeys(("Ready", "Succeeded", *MILESTONES), "True")
    assert condition_of(done, "Ready")["reason"] == "MigrationCompleted"


def test_every_condition_and_the_status_speak_of_the_generation_that_stands(
    stage: Stage, done: dict[str, Any]
) -> None:
    generation = stage.migration.read()["metadata"]["generation"]
    assert done["observedGeneration"] == generation
    assert {condition["observedGeneration"] for condition in done["conditions"]} == {generation}


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_on_its_way_is_reconciling_in_every_phase(stage: Stage, phase: str) -> None:
    with stage.held_in(phase):
        status = stage.migration.wait_for_phase(phase)
        found = standing(status)
        assert (found["Ready"], found["Succeeded"]) == ("False", "Unknown")
        assert condition_of(status, "Reconciling")["reason"] == condition_of(status, "Ready")["reason"]
        assert "Stalled" not in found
        known = len([name for name in MILESTONES if name in found])
        assert known == {"Checking": 0, "BackingUp": 2, "Migrating": 3}.get(phase, 4), found


def test_a_run_that_came_back_by_itself_is_stalled_and_not_ready(stage: Stage) -> None:
    stage.apply(validation={"assertions": [BROKEN_ASSERTION]})
    status = stage.assert_rolled_back(updates=0)
    found = standing(status)
    assert (found["Ready"], found["Succeeded"], found["Stalled"]) == ("False", "False", "True")
    assert "Reconciling" not in found
    assert condition_of(status, "Ready")["reason"] == "ValidationFailed"
    assert found["DataConsistent"] == "False"


@pytest.mark.usefixtures("done")
def test_a_run_that_a_person_brought_back_is_ready_and_not_stalled(stage: Stage) -> None:
    stage.migration.roll_back()
    found = standing(stage.assert_rolled_back(updates=2))
    assert (found["Ready"], found["Succeeded"]) == ("True", "False")
    assert not {"Reconciling", "Stalled"} & found.keys()


def test_a_failed_run_is_stalled_for_the_generation_that_stands(stage: Stage) -> None:
    stage.apply(target={"table": "nowhere"})
    status = stage.migration.wait_for_phase("Failed")
    assert standing(status)["Stalled"] == "True"
    assert status["observedGeneration"] == stage.migration.read()["metadata"]["generation"]


def test_kubectl_wait_ends_when_the_run_is_done(stage: Stage) -> None:
    stage.apply()
    target = f"rolemig/{stage.migration.name}"
    said = stage.migration.kubectl("wait", "--for=condition=Ready", "--timeout=20s", target)
    assert "condition met" in said
    assert stage.migration.status["phase"] == "Done"


def test_transition_times_move_only_when_a_condition_turns(stage: Stage, done: dict[str, Any]) -> None:
    before = condition_of(done, "Ready")["lastTransitionTime"]
    stage.migration.patch({"suspend": True})
    after = stage.migration.wait_for(lambda s: s["observedGeneration"] == 2, "the change is seen")
    assert condition_of(after, "Ready")["lastTransitionTime"] == before
    assert condition_of(after, "Ready")["status"] == "True"


# Columns


def test_kubectl_get_tells_the_story_in_columns(stage: Stage, done: dict[str, Any]) -> None:
    head, row = stage.migration.kubectl("get", "rolemig").splitlines()
    assert head.split() == ["NAME", "PHASE", "READY", "REASON", "PROGRESS", "SCORE", "AGE"]
    assert row.split()[:6] == ["seniority", "Done", "True", "MigrationCompleted", "[##########]", "100%"]
    wide, row = stage.migration.kubectl("get", "rolemig", "-o", "wide").splitlines()
    assert {"TABLE", "BACKUP", "MESSAGE"} <= set(wide.split())
    assert {"user_profiles", done["backup"]["name"]} <= set(row.split())


@pytest.mark.usefixtures("done")
def test_objects_are_selected_by_their_phase(stage: Stage) -> None:
    select = ("get", "rolemig", "-o", "name", "--field-selector")
    assert stage.migration.kubectl(*select, "status.phase=Done").split() == [
        "rolemigration.roleshift.dev/seniority"
    ]
    assert not stage.migration.kubectl(*select, "status.phase=Migrating").split()


# Steps, plan, backup


def test_the_steps_tell_what_was_done_when(done: dict[str, Any]) -> None:
    steps = done["steps"]
    assert [step["name"] for step in steps] == ["Checking", "BackingUp", "Migrating", "Validating"]
    assert {step["state"] for step in steps} == {"Succeeded"}
    assert {step["attempts"] for step in steps} == {1}
    moments = [done["startTime"], *(step["completionTime"] for step in steps), done["completionTime"]]
    assert moments == sorted(moments, key=datetime.fromisoformat)


def test_the_step_that_is_under_way_is_running(stage: Stage) -> None:
    with stage.held_in("Migrating"):
        steps = stage.migration.wait_for_phase("Migrating")["steps"]
        assert [step["state"] for step in steps] == ["Succeeded", "Succeeded", "Running"]
        assert "completionTime" not in steps[-1]


def test_the_status_names_run_plan_and_image_of_the_ledger(stage: Stage, done: dict[str, Any]) -> None:
    run = stage.ledger.run
    assert (done["runID"], done["plan"]["hash"]) == (str(run["run_id"]), run["plan_hash"])
    assert done["plan"]["rows"] == done["backup"]["rows"] == done["progress"]["rowsTotal"] == 1000
    assert done["backup"]["verified"] is True
    assert done["attempts"] == 0


# The finalizer


@pytest.mark.parametrize("phase", PHASES)
def test_the_finalizer_stands_while_a_run_is_under_way_and_goes_with_its_end(
    stage: Stage, phase: str
) -> None:
    with stage.held_in(phase):
        assert stage.migration.read()["metadata"]["finalizers"] == [FINALIZER]
    stage.migration.wait_for_phase("RolledBack" if phase == "RollingBack" else "Done")
    stage.wait_until_released()


def test_finalizers_of_others_stay(stage: Stage) -> None:
    theirs = "example.org/keep"
    with stage.held_in("Checking"):
        body = {"metadata": {"finalizers": [theirs, FINALIZER]}}
        stage.control_plane.api.request("PATCH", stage.migration.path, body, "application/merge-patch+json")
    stage.assert_done()
    wait_until(
        lambda: stage.migration.read()["metadata"]["finalizers"] == [theirs], 5, "only its own is removed"
    )


# Events


@pytest.mark.usefixtures("done")
def test_a_run_tells_its_milestones_as_events_and_nothing_twice(stage: Stage) -> None:
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)
    told = [
        ("Normal", "Checking"),
        ("Normal", "Migrating"),
        ("Normal", "MigrationCompleted"),
        ("Normal", "RollingBack"),
        ("Normal", "RolledBackOnRequest"),
    ]
    wait_until(lambda: len(events_of(stage.migration)) >= len(told), 20, "every event is there")
    assert events_of(stage.migration) == told


def test_a_bad_end_is_a_warning(stage: Stage) -> None:
    stage.apply(validation={"assertions": [BROKEN_ASSERTION]})
    stage.assert_rolled_back(updates=0)
    wait_until(lambda: events_of(stage.migration)[-1:] == [("Warning", "ValidationFailed")], 20, "it is told")
