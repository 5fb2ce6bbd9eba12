"""Git re-creates the object: its run is found again by what it is, and is never done twice."""

from typing import Any

import pytest

from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from roleshift.engine.requests import RETRY
from support.gate import SLOW_ASSERTION
from support.migrations import condition_of
from support.scrape import api_requests
from support.stage import BROKEN_ASSERTION, Stage

VERSIONS = "SELECT id, xmin::text FROM user_profiles ORDER BY id"
MANUAL = {"policy": "Manual"}


def delete(stage: Stage) -> None:
    """Delete the object and wait until it is gone."""
    stage.migration.kubectl("delete", "rolemig", stage.migration.name, "--timeout=10s")


def recreate(stage: Stage, **changes: Any) -> dict[str, Any]:
    """Delete the object, apply it again, and wait until its status speaks of a run that ended."""
    stage.wait_until_released()
    delete(stage)
    stage.apply(**changes)
    return stage.migration.wait_for_end(10)


# At its end


def test_a_done_object_that_is_created_again_is_done_at_once(stage: Stage, operator: OperatorProcess) -> None:
    stage.apply()
    done = stage.assert_done()
    versions, epoch, patches = stage.database.query(VERSIONS), stage.ledger.run["epoch"], 0
    stage.wait_until_released()
    patches = api_requests(operator, "PATCH")
    again = recreate(stage)
    assert (again["phase"], again["runID"]) == ("Done", done["runID"])
    assert condition_of(again, "Ready")["status"] == "True"
    assert stage.database.query(VERSIONS) == versions
    assert stage.ledger.run["epoch"] == epoch
    assert api_requests(operator, "PATCH") == patches + 1, "its status, no finalizer"


@pytest.mark.parametrize("wanted", ["Migrated", "RolledBack"])
def test_an_object_that_came_back_and_is_created_again_stays_back(stage: Stage, wanted: str) -> None:
    stage.apply()
    stage.assert_done()
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)
    again = recreate(stage, desiredState=wanted)
    assert again["phase"] == "RolledBack"
    stage.assert_rolled_back(updates=2)


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"validation": {"assertions": [BROKEN_ASSERTION]}}, "RolledBack"),
        ({"target": {"table": "nowhere"}}, "Failed"),
    ],
)
def test_a_run_that_ended_badly_is_not_tried_again_because_git_re_creates_it(
    stage: Stage, changes: dict[str, Any], end: str
) -> None:
    stage.apply(**changes)
    ended = stage.migration.wait_for_phase(end)
    again = recreate(stage, **changes)
    assert (again["phase"], again["runID"]) == (end, ended["runID"])
    assert stage.ledger.run["attempt"] == 1


def test_another_spec_under_the_old_name_is_a_new_run(stage: Stage) -> None:
    stage.apply()
    done = stage.assert_done()
    stage.wait_until_released()
    delete(stage)
    stage.migration.apply(mappings=[{"from": "lead", "to": "manager"}], unmappedRoles="Keep")
    second = stage.migration.wait_for_phase("Done")
    assert second["runID"] != done["runID"]
    assert second["plan"]["rows"] == 250


def test_a_retry_that_git_keeps_in_the_manifest_is_not_a_new_one(stage: Stage) -> None:
    stage.apply(validation={"assertions": [BROKEN_ASSERTION]})
    stage.assert_rolled_back(updates=0)
    stage.retry_in_vain("2026-11-23T10:00:00Z")
    stage.wait_until_released()
    delete(stage)
    stage.apply(suspend=True, validation={"assertions": [BROKEN_ASSERTION]})
    stage.migration.patch({"suspend": False}, {RETRY: "2026-11-23T10:00:00Z"})
    stage.migration.wait_for(lambda s: s.get("observedGeneration") == 2, "it is seen")
    stage.assert_rolled_back(updates=0)
    assert stage.ledger.run["attempt"] == 2


# In mid-flight


@pytest.mark.parametrize("phase", ["Checking", "BackingUp", "Migrating"])
def test_a_run_that_was_stopped_with_its_object_before_it_wrote_begins_anew_with_the_next_one(
    stage: Stage, phase: str
) -> None:
    with stage.held_in(phase):
        first = stage.ledger.run["run_id"]
        stage.migration.delete()
    stage.migration.kubectl("wait", "--for=delete", f"rolemig/{stage.migration.name}", "--timeout=10s")
    assert stage.ledger.phase == "RolledBack"
    stage.oracle.assert_before()
    stage.apply()
    assert stage.assert_done()["runID"] != str(first)
    assert stage.ledger.images == 1


def test_a_run_that_had_written_is_done_before_its_object_goes_and_when_it_is_there_again(
    stage: Stage,
) -> None:
    with stage.held_in("Validating"):
        run_id = stage.migration.status["runID"]
        stage.migration.delete()
    stage.migration.kubectl("wait", "--for=delete", f"rolemig/{stage.migration.name}", "--timeout=10s")
    stage.apply(validation={"assertions": [SLOW_ASSERTION]})
    assert stage.assert_done()["runID"] == run_id


@pytest.mark.parametrize("phase", ["BackingUp", "Migrating", "Validating", "RollingBack"])
def test_an_object_that_is_torn_away_and_created_again_goes_on_with_its_run(
    stage: Stage, operator: OperatorProcess, phase: str
) -> None:
    """Nobody looked after it meanwhile: somebody removed the finalizer by hand, or restored the cluster."""
    with stage.held_in(phase):
        run_id, spec = stage.ledger.run["run_id"], stage.migration.read()["spec"]
        operator.kill9()
        stage.migration.delete()
        nothing = {"metadata": {"finalizers": None}}
        path, api = stage.migration.path, stage.control_plane.api
        api.request("PATCH", path, nothing, "application/merge-patch+json")
        stage.migration.apply(**{**spec, "desiredState": "Migrated"})
    operator.start()
    operator.wait_ready()
    if phase == "RollingBack":
        status = stage.assert_rolled_back(updates=2)
    else:
        status = stage.assert_done()
    assert status["runID"] == str(run_id)


# With an approval


def test_a_done_object_with_an_approval_is_done_at_once(stage: Stage) -> None:
    stage.apply(approval=MANUAL)
    plan = stage.migration.wait_for_reason("WaitingForApproval")["plan"]["hash"]
    stage.migration.patch({"approval": {"planHash": plan}})
    done = stage.assert_done()
    versions = stage.database.query(VERSIONS)
    for approval in (MANUAL, {**MANUAL, "planHash": plan}):
        assert recreate(stage, approval=approval)["runID"] == done["runID"]
    assert stage.database.query(VERSIONS) == versions


def test_a_plan_that_waited_when_its_object_was_deleted_waits_again(stage: Stage) -> None:
    stage.apply(approval=MANUAL)
    plan = stage.migration.wait_for_reason("WaitingForApproval")["plan"]["hash"]
    delete(stage)
    stage.apply(approval=MANUAL)
    assert stage.migration.wait_for_reason("WaitingForApproval")["plan"]["hash"] == plan
    stage.migration.patch({"approval": {"planHash": plan}})
    stage.assert_done()


def test_an_approval_of_a_run_that_was_stopped_with_its_object_does_not_count_for_the_next_one(
    stage: Stage,
) -> None:
    stage.apply(approval=MANUAL)
    plan = stage.migration.wait_for_reason("WaitingForApproval")["plan"]["hash"]
    stage.migration.patch({"suspend": True})
    stage.migration.patch({"approval": {"planHash": plan}})
    wait_until(lambda: stage.ledger.run["approved_hash"] == plan, 10, "the approval is latched")
    delete(stage)
    stage.apply(approval={**MANUAL, "planHash": plan})
    status = stage.migration.wait_for_reason("WaitingForApproval")
    assert "approved for an attempt before this one" in condition_of(status, "Ready")["message"]
    stage.oracle.assert_before()
