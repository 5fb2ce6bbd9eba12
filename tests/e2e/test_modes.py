"""Modes DryRun and Rehearse of the operator: what they show, what they leave, and how they become Apply."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from roleshift.cluster.finalizer import FINALIZER
from support.migrations import condition_of, events_of
from support.person import dump_without_ledger_rows
from support.scrape import total
from support.stage import BROKEN_ASSERTION, Stage

REASONS = {"DryRun": "DryRunCompleted", "Rehearse": "RehearsalCompleted"}
MODES = tuple(REASONS)
MANUAL = {"policy": "Manual"}


def standing(status: Mapping[str, Any]) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in status["conditions"]}


def steps(status: Mapping[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in status["steps"]}


def wait_until_concluded(stage: Stage, mode: str) -> dict[str, Any]:
    """Wait until the mode has done its work; the status then."""
    status = stage.migration.wait_for_end()
    ready = condition_of(status, "Ready")
    assert (status["phase"], ready["reason"]) == ("Done", REASONS[mode]), status
    return status


# The end


@pytest.mark.parametrize("mode", MODES)
def test_it_ends_in_done_and_nobody_takes_it_for_the_migration(stage: Stage, mode: str) -> None:
    before = dump_without_ledger_rows(stage.database)
    stage.apply(mode=mode)
    status = wait_until_concluded(stage, mode)
    found = standing(status)
    assert (found["Succeeded"], found["Ready"]) == ("True", "False")
    assert not {"Stalled", "Reconciling", "BackupReady", "DataConsistent"} & found.keys()
    assert found["PrechecksPassed"] == "True"
    assert status["plan"]["rows"] == 1000
    assert status["safety"]["score"] >= 90
    assert not {"backup", "progress", "rollback"} & status.keys()
    assert dump_without_ledger_rows(stage.database) == before
    assert stage.oracle.updates_of_each_row() == [0]
    assert not stage.ledger.run["active"]
    assert stage.ledger.run["mode"] == mode
    stage.wait_until_released()


def test_a_dry_run_says_what_was_prepared(stage: Stage) -> None:
    stage.apply(mode="DryRun")
    status = wait_until_concluded(stage, "DryRun")
    assert steps(status) == {"Checking": "Succeeded"}
    message = condition_of(status, "Ready")["message"]
    assert "nothing was written or locked" in message
    assert "statements were prepared" in message
    assert "validation" not in status


def test_a_rehearsal_says_what_was_done_and_for_how_long_the_table_was_locked(stage: Stage) -> None:
    stage.apply(mode="Rehearse")
    status = wait_until_concluded(stage, "Rehearse")
    phases = ("Checking", "BackingUp", "Migrating", "Validating", "RollingBack")
    assert steps(status) == dict.fromkeys(phases, "Succeeded")
    told = {step["name"]: step["message"] for step in status["steps"]}
    assert told["Migrating"] == "rehearsed: 1000 rows written and verified"
    assert told["RollingBack"] == "rehearsed: 1000 rows restored and compared with the image"
    assert {result["result"] for result in status["validation"]["results"]} == {"Passed"}
    message = condition_of(status, "Ready")["message"]
    for said in ("1000 rows written", "locked for", "bytes of WAL", "not rehearsed: the COMMIT", "spec.mode"):
        assert said in message
    assert "until the rollback" in status["plan"]["lock"]


def test_people_are_told_when_a_rehearsal_locks_and_when_it_ends(stage: Stage) -> None:
    stage.apply(mode="Rehearse")
    wait_until_concluded(stage, "Rehearse")
    wait_until(lambda: ("Normal", "RehearsalCompleted") in events_of(stage.migration), 10, "the end is told")
    told = events_of(stage.migration)
    assert ("Normal", "Rehearsing") in told
    assert {kind for kind, _ in told} == {"Normal"}
    described = stage.migration.kubectl("describe", "rolemig", stage.migration.name)
    for said in ("RehearsalCompleted", "not rehearsed", "set spec.mode to Apply"):
        assert said in described


def test_progress_is_shown_while_it_rehearses(stage: Stage) -> None:
    with stage.gate.closed():
        stage.apply(mode="Rehearse")
        status = stage.migration.wait_for_reason("Rehearsing")
        assert status["phase"] == "Checking"
        assert condition_of(status, "Reconciling")["reason"] == "Rehearsing"
        assert "rolled back: it locks the table" in condition_of(status, "Ready")["message"]
    wait_until_concluded(stage, "Rehearse")


@pytest.mark.parametrize("mode", MODES)
def test_no_metric_counts_it_as_a_migration(stage: Stage, operator: OperatorProcess, mode: str) -> None:
    def ended(outcome: str) -> float:
        return total(operator, "roleshift_runs_total", outcome=outcome)

    migrated, concluded = ended("Done"), ended(f"{mode}Done")
    stage.apply(mode=mode)
    wait_until_concluded(stage, mode)
    wait_until(lambda: ended(f"{mode}Done") == concluded + 1, 5, "it is counted by its own name")
    assert ended("Done") == migrated


# What goes wrong


@pytest.mark.parametrize("mode", MODES)
def test_a_closed_gate_ends_it_as_it_ends_a_run(stage: Stage, mode: str) -> None:
    before = dump_without_ledger_rows(stage.database)
    stage.apply(mode=mode, mappings=[{"from": "junior_dev", "to": "developer"}])
    status = stage.migration.wait_for_end()
    assert (status["phase"], condition_of(status, "Ready")["reason"]) == ("Failed", "UnmappedRoles")
    assert standing(status)["Stalled"] == "True"
    assert dump_without_ledger_rows(stage.database) == before


def test_a_verification_that_fails_ends_a_rehearsal_as_failed(stage: Stage) -> None:
    before = dump_without_ledger_rows(stage.database)
    stage.apply(mode="Rehearse", validation={"assertions": [BROKEN_ASSERTION]})
    status = stage.migration.wait_for_end()
    ready = condition_of(status, "Ready")
    assert (status["phase"], ready["reason"]) == ("Failed", "ValidationFailed")
    assert "this was a rehearsal, nothing was changed" in ready["message"]
    assert steps(status) == {"Checking": "Succeeded", "BackingUp": "Succeeded", "Migrating": "Failed"}
    found = standing(status)
    assert (found["PrechecksPassed"], found["Stalled"], found["Succeeded"]) == ("True", "True", "False")
    assert "DataConsistent" not in found
    failed = [one["name"] for one in status["validation"]["results"] if one["result"] == "Failed"]
    assert failed == ["Assertion/nobody"]
    assert dump_without_ledger_rows(stage.database) == before


def test_a_mended_rehearsal_is_tried_anew(stage: Stage) -> None:
    stage.apply(mode="Rehearse", validation={"assertions": [BROKEN_ASSERTION]})
    stage.migration.wait_for_phase("Failed")
    stage.apply(mode="Rehearse")
    stage.migration.wait_for_phase("Done")
    wait_until_concluded(stage, "Rehearse")


def test_a_new_enum_value_ends_it_with_the_word_that_it_was_not_tried(stage: Stage) -> None:
    before = dump_without_ledger_rows(stage.database)
    stage.apply(
        mode="Rehearse",
        mappings=[{"from": "junior_dev", "to": "engineer"}],
        unmappedRoles="Keep",
        schemaChanges="AddMissing",
    )
    status = stage.migration.wait_for_end()
    ready = condition_of(status, "Ready")
    assert (status["phase"], ready["reason"]) == ("Failed", "RehearsalIncomplete")
    assert "roleshift rehearse --clone" in ready["message"]
    assert standing(status)["Succeeded"] == "False"
    assert dump_without_ledger_rows(stage.database) == before


# Approval


def test_a_rehearsal_locks_so_a_person_approves_it_first(stage: Stage) -> None:
    stage.apply(mode="Rehearse", approval=MANUAL)
    status = stage.migration.wait_for_reason("WaitingForApproval")
    assert "until the rollback" in status["plan"]["lock"]
    assert stage.ledger.logged("Migrating", "Rehearsed") == 0
    stage.migration.patch({"approval": {"planHash": status["plan"]["hash"]}})
    status = wait_until_concluded(stage, "Rehearse")
    assert standing(status)["Approved"] == "True"


def test_a_dry_run_asks_nobody(stage: Stage) -> None:
    stage.apply(mode="DryRun", approval=MANUAL)
    status = wait_until_concluded(stage, "DryRun")
    assert "Approved" not in standing(status)


# On to Apply


@pytest.mark.parametrize("mode", MODES)
def test_changed_to_apply_it_migrates(stage: Stage, mode: str) -> None:
    stage.apply(mode=mode)
    tried = wait_until_concluded(stage, mode)
    stage.migration.patch({"mode": "Apply"})
    status = stage.migration.wait_for(
        lambda s: condition_of(s, "Ready").get("reason") == "MigrationCompleted", "it migrates"
    )
    assert status["runID"] != tried["runID"]
    assert status["plan"]["hash"] != tried["plan"]["hash"]
    assert standing(status)["Ready"] == "True"
    stage.assert_done()


def test_what_was_approved_for_a_rehearsal_is_no_approval_of_the_migration(stage: Stage) -> None:
    stage.apply(mode="Rehearse", approval=MANUAL)
    rehearsed = stage.migration.wait_for_reason("WaitingForApproval")["plan"]["hash"]
    stage.migration.patch({"approval": {"planHash": rehearsed}})
    wait_until_concluded(stage, "Rehearse")
    stage.migration.patch({"mode": "Apply"})
    status = stage.migration.wait_for_reason("WaitingForApproval")
    assert status["plan"]["hash"] != rehearsed
    stage.migration.patch({"approval": {"planHash": status["plan"]["hash"]}})
    stage.assert_done(30)


def test_a_dry_run_may_be_changed_and_made_again(stage: Stage) -> None:
    stage.apply(mode="DryRun")
    first = wait_until_concluded(stage, "DryRun")
    stage.migration.patch({"mappings": [{"from": "junior_dev", "to": "developer"}], "unmappedRoles": "Keep"})
    status = stage.migration.wait_for(
        lambda s: s["runID"] != first["runID"] and s["phase"] == "Done", "the other one is tried"
    )
    assert status["plan"]["rows"] == 250
    stage.migration.patch({"mode": "Rehearse"})
    stage.migration.wait_for_reason("RehearsalCompleted")
    stage.oracle.assert_before()


def test_it_never_goes_back(stage: Stage) -> None:
    stage.apply()
    stage.assert_done()
    body = json.dumps({"spec": {"mode": "Rehearse"}})
    patch = ("patch", "rolemig", stage.migration.name, "--type=merge", "-p", body)
    refused = stage.control_plane.kubectl("-n", stage.migration.namespace, *patch, check=False)
    assert refused.returncode == 1
    assert "spec.mode goes from DryRun or Rehearse to Apply, not back" in refused.stderr


# Wishes


@pytest.mark.parametrize("mode", MODES)
def test_the_old_state_asked_for_afterwards_is_there_already(stage: Stage, mode: str) -> None:
    stage.apply(mode=mode)
    wait_until_concluded(stage, mode)
    stage.migration.roll_back()
    status = stage.migration.wait_for_phase("RolledBack")
    assert condition_of(status, "Ready")["reason"] == "RolledBackOnRequest"
    assert "nothing had been written" in condition_of(status, "Ready")["message"]
    stage.oracle.assert_before()
    assert stage.oracle.updates_of_each_row() == [0]


def test_after_that_it_may_still_become_a_migration(stage: Stage) -> None:
    """The ledger knows of the run that the status speaks of, so it is not lost."""
    stage.apply(mode="DryRun")
    wait_until_concluded(stage, "DryRun")
    stage.migration.roll_back()
    stage.migration.wait_for_phase("RolledBack")
    stage.migration.patch({"mode": "Apply", "desiredState": "Migrated"})
    stage.migration.wait_for_reason("MigrationCompleted")
    stage.assert_done()


def test_an_object_that_only_tried_goes_at_once(stage: Stage) -> None:
    stage.apply(mode="Rehearse")
    wait_until_concluded(stage, "Rehearse")
    stage.wait_until_released()
    assert FINALIZER not in stage.migration.read()["metadata"].get("finalizers", [])
