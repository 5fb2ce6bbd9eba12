"""A verification fails after the commit, and a person decides: roll back, verify again, or accept."""

from typing import Any

import pytest

from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from roleshift.engine.requests import ACCEPT, REASON, RESUME
from support.deciding import Deciding
from support.migrations import condition_of, events_of
from support.stage import Stage, restart


@pytest.fixture
def deciding(stage: Stage) -> Deciding:
    return Deciding.on(stage)


def is_done(deciding: Deciding) -> dict[str, Any]:
    status = deciding.stage.migration.wait_for_end()
    assert status["phase"] == "Done", status
    deciding.stage.oracle.assert_after()
    deciding.stage.ledger.assert_agrees(status)
    return status


@pytest.mark.parametrize("policy", ["Recommend", "Never"])
def test_a_run_waits_and_says_what_is_wrong_and_what_can_be_done(deciding: Deciding, policy: str) -> None:
    status = deciding.awaited(policy)
    deciding.assert_awaits(status)
    message = condition_of(status, "Ready")["message"]
    name = f"{deciding.stage.migration.name} -n {deciding.stage.migration.namespace}"
    for command in ("rollback", "resume", "accept"):
        assert f"roleshift {command} {name}" in message
    assert [s["state"] for s in status["steps"] if s["name"] == "Validating"] == ["Waiting"]
    assert events_of(deciding.stage.migration).count(("Warning", "AwaitingDecision")) == 1


def test_under_automatic_the_run_comes_back_by_itself(deciding: Deciding) -> None:
    deciding.apply("Automatic")
    status = deciding.stage.assert_rolled_back(updates=2)
    assert condition_of(status, "Ready")["reason"] == "ValidationFailed"


def test_recommend_advises_with_its_evidence_and_never_advises_nothing(deciding: Deciding) -> None:
    status = deciding.awaited("Recommend")
    advice = condition_of(status, "RollbackRecommended")
    assert (advice["status"], advice["reason"]) == ("True", "Recommended")
    assert status["rollback"]["recommendation"]["verdict"] == "Recommended"
    assert status["rollback"]["recommendation"]["reasons"] == [
        "Assertion/nobody-complains: expected '0', got '1'"
    ]
    deciding.stage.migration.patch({"rollback": {"policy": "Never"}})
    never = deciding.stage.migration.wait_for(
        lambda s: condition_of(s, "RollbackRecommended") == {}, "the advice goes"
    )
    deciding.assert_awaits(never)
    assert "recommendation" not in never.get("rollback", {})


def test_a_person_brings_the_old_roles_back(deciding: Deciding) -> None:
    deciding.awaited()
    deciding.stage.migration.roll_back()
    status = deciding.stage.assert_rolled_back(updates=2)
    ready = condition_of(status, "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "RolledBackOnRequest")


def test_once_the_cause_is_mended_the_run_is_verified_again_and_done(deciding: Deciding) -> None:
    deciding.awaited()
    deciding.mend()
    deciding.resume()
    status = is_done(deciding)
    ready = condition_of(status, "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "MigrationCompleted")
    assert condition_of(status, "DataConsistent")["status"] == "True"
    assert condition_of(status, "Stalled") == condition_of(status, "RollbackRecommended") == {}


def test_a_cause_that_stays_has_the_run_wait_again_and_each_token_counts_once(deciding: Deciding) -> None:
    first = deciding.awaited()
    deciding.resume("first")
    looks = "SELECT count(*) FROM roleshift.migration_execution_log WHERE step = 'Validating'"
    wait_until(lambda: deciding.database.query(looks) == [(2,)], 20, "it was verified again")
    again = deciding.stage.migration.wait_for_reason("AwaitingDecision")
    deciding.assert_awaits(again)
    assert again["runID"] == first["runID"]
    deciding.mend()
    deciding.resume("second")
    is_done(deciding)


def test_a_person_accepts_and_who_and_why_stands_everywhere(deciding: Deciding) -> None:
    deciding.awaited()
    deciding.accept()
    status = is_done(deciding)
    ready = condition_of(status, "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "MigrationAccepted")
    assert ready["message"].startswith(
        "accepted by kim: the complaints are known; the verification had found: "
    )
    assert condition_of(status, "Succeeded")["status"] == "True"
    assert condition_of(status, "DataConsistent")["status"] == "False"
    assert condition_of(status, "Stalled") == {}
    row = deciding.stage.ledger.run
    assert (row["accepted_by"], row["acceptance_reason"]) == ("kim", "the complaints are known")
    assert ("Normal", "MigrationAccepted") in events_of(deciding.stage.migration)


def test_an_acceptance_without_a_reason_waits_for_one(deciding: Deciding) -> None:
    deciding.awaited()
    deciding.accept(reason=None)
    status = deciding.stage.migration.wait_for(
        lambda s: "say why" in condition_of(s, "Ready")["message"], "the reason is asked for"
    )
    deciding.assert_awaits(status)
    deciding.stage.migration.patch(annotations={REASON: "known"})
    assert condition_of(is_done(deciding), "Ready")["reason"] == "MigrationAccepted"


def test_what_was_accepted_can_still_be_rolled_back(deciding: Deciding) -> None:
    deciding.awaited()
    deciding.accept()
    is_done(deciding)
    deciding.stage.migration.roll_back()
    deciding.stage.assert_rolled_back(updates=2)


@pytest.mark.parametrize("annotation", [ACCEPT, RESUME])
def test_a_token_from_before_the_failure_decides_nothing(deciding: Deciding, annotation: str) -> None:
    deciding.apply("Recommend", suspend=True)
    annotations = {annotation: "before", REASON: "I always accept"}
    deciding.stage.migration.patch({"suspend": False}, annotations)
    deciding.assert_awaits(deciding.stage.migration.wait_for_reason("AwaitingDecision"))
    deciding.mend()
    deciding.resume("after")
    assert condition_of(is_done(deciding), "Ready")["reason"] == "MigrationCompleted"


def test_a_rollback_outranks_an_acceptance_that_comes_with_it(deciding: Deciding) -> None:
    deciding.awaited()
    annotations = {ACCEPT: "yes", RESUME: "again", REASON: "whatever"}
    deciding.stage.migration.patch({"desiredState": "RolledBack"}, annotations)
    deciding.stage.assert_rolled_back(updates=2)
    assert deciding.stage.ledger.run["accepted_at"] is None


def test_an_acceptance_outranks_a_new_verification(deciding: Deciding) -> None:
    deciding.awaited()
    deciding.stage.migration.patch(annotations={ACCEPT: "yes", RESUME: "again", REASON: "known"})
    assert condition_of(is_done(deciding), "Ready")["reason"] == "MigrationAccepted"


def test_a_policy_that_becomes_automatic_brings_the_old_roles_back(deciding: Deciding) -> None:
    deciding.awaited()
    deciding.stage.migration.patch({"rollback": {"policy": "Automatic"}})
    status = deciding.stage.assert_rolled_back(updates=2)
    assert condition_of(status, "Ready")["reason"] == "ValidationFailed"


def test_a_suspension_changes_nothing_of_the_wait(deciding: Deciding) -> None:
    deciding.awaited()
    deciding.stage.migration.patch({"suspend": True})
    generation = deciding.stage.migration.read()["metadata"]["generation"]
    status = deciding.stage.migration.wait_for(
        lambda s: s["observedGeneration"] == generation, "the suspension was seen"
    )
    deciding.assert_awaits(status)
    deciding.accept()
    is_done(deciding)


def test_a_new_operator_finds_it_waiting_and_says_nothing_twice(
    deciding: Deciding, operator: OperatorProcess
) -> None:
    deciding.awaited()
    epoch = deciding.stage.ledger.run["epoch"]
    restart(operator)
    wait_until(lambda: deciding.stage.ledger.takeover_after(epoch), 20, "the new operator has seen it")
    deciding.assert_awaits(deciding.stage.migration.wait_for_reason("AwaitingDecision"))
    looks = "SELECT count(*) FROM roleshift.migration_execution_log WHERE step = 'Validating'"
    assert deciding.database.query(looks) == [(1,)]
    deciding.accept()
    is_done(deciding)
    assert events_of(deciding.stage.migration).count(("Warning", "AwaitingDecision")) == 1


def test_a_deleted_object_waits_for_the_decision_and_goes_then(deciding: Deciding) -> None:
    deciding.awaited()
    deciding.stage.migration.delete()
    wait_until(
        lambda: deciding.stage.migration.read()["metadata"].get("deletionTimestamp"),
        10,
        "it is being deleted",
    )
    deciding.assert_awaits(deciding.stage.migration.wait_for_reason("AwaitingDecision"))
    deciding.accept()
    named = ("get", "rolemig", deciding.stage.migration.name, "--ignore-not-found", "-o", "name")
    wait_until(lambda: not deciding.stage.migration.kubectl(*named), 20, "the object is gone")
    assert deciding.stage.ledger.run["reason"] == "MigrationAccepted"
    deciding.stage.oracle.assert_after()


def test_a_backup_that_was_dropped_meanwhile_is_no_reason_to_roll_back(stage: Stage) -> None:
    with stage.gate.closed_on_the_way_to("Validating"):
        stage.apply()
        stage.gate.wait_for_visitor()
        (image,) = stage.database.query("SELECT name FROM roleshift.migration_backup")[0]
        stage.database.execute(f"DROP TABLE roleshift.{image}")
    status = stage.migration.wait_for_reason("AwaitingDecision")
    assert "BackupDamaged" in condition_of(status, "Ready")["message"]
    stage.oracle.assert_after()
