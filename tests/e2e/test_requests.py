"""How people act on a run: suspend and resume, rollback and retry, by fields and annotations."""

from typing import Any

import pytest

from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from roleshift.engine.requests import REASON, REQUESTED_BY, RETRY, SUSPENDED_BY
from support.migrations import condition_of, events_of
from support.stage import BROKEN_ASSERTION, Stage, restart


def is_reconciling(status: dict[str, Any]) -> bool:
    return bool(condition_of(status, "Reconciling"))


# Suspend and resume


def test_a_suspended_migration_does_not_begin_until_it_is_resumed(stage: Stage) -> None:
    stage.apply(suspend=True)
    status = stage.migration.wait_for_reason("Suspended")
    assert (status["phase"], is_reconciling(status)) == ("Pending", True)
    assert stage.ledger.run == {}
    stage.migration.patch({"suspend": False})
    stage.assert_done()


def test_a_suspended_migration_waits_for_the_annotation_as_well(stage: Stage) -> None:
    stage.apply(suspend=True)
    stage.migration.patch(annotations={SUSPENDED_BY: "somebody"})
    stage.migration.patch({"suspend": False})
    stage.migration.wait_for(lambda s: s.get("observedGeneration") == 2, "the change is seen")
    assert condition_of(stage.migration.status, "Ready")["reason"] == "Suspended"
    assert stage.ledger.run == {}
    stage.migration.patch(annotations={SUSPENDED_BY: None})
    stage.assert_done()


def test_a_run_that_is_suspended_on_its_way_rests_before_its_next_step(stage: Stage) -> None:
    with stage.held_in("BackingUp"):
        stage.migration.patch({"suspend": True})
    status = stage.migration.wait_for_reason("Suspended")
    assert status["phase"] == "Migrating"
    stage.oracle.assert_before()
    stage.migration.patch({"suspend": False})
    stage.assert_done()


def test_a_write_that_has_begun_is_finished_although_the_run_is_suspended(stage: Stage) -> None:
    with stage.held_in("Migrating"):
        stage.migration.patch({"suspend": True})
        stage.migration.patch(annotations={"touched": "yes"})
    status = stage.assert_done()
    assert not is_reconciling(status)


def test_a_suspended_run_keeps_its_status_over_a_restart(stage: Stage, operator: OperatorProcess) -> None:
    with stage.held_in("Checking"):
        stage.migration.patch({"suspend": True})
    suspended = stage.migration.wait_for_reason("Suspended")
    restart(operator)
    stage.migration.patch(annotations={"touched": "yes", "reconcile.fluxcd.io/requestedAt": "1"})
    again = stage.migration.wait_for(lambda s: s.get("lastHandledReconcileAt") == "1", "it is looked at")
    assert {**again, "lastHandledReconcileAt": None} == {**suspended, "lastHandledReconcileAt": None}
    stage.migration.patch({"suspend": False})
    stage.assert_done()


def test_suspending_a_failed_run_leaves_it_failed(stage: Stage) -> None:
    stage.apply(validation={"assertions": [BROKEN_ASSERTION]}, target={"table": "nowhere"})
    stage.migration.wait_for_phase("Failed")
    stage.migration.patch({"suspend": True})
    status = stage.migration.wait_for(lambda s: s["observedGeneration"] == 2, "the change is seen")
    assert status["phase"] == "Failed"
    assert condition_of(status, "Stalled")["reason"] == "TableNotFound"


def test_a_rollback_outranks_a_suspension(stage: Stage) -> None:
    stage.apply()
    stage.assert_done()
    stage.migration.patch({"suspend": True})
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)


def test_a_suspended_migration_that_is_rolled_back_ends_without_a_write(stage: Stage) -> None:
    stage.apply(suspend=True)
    stage.migration.wait_for_reason("Suspended")
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=0)


# Rollback


def test_the_ledger_and_the_status_tell_who_asked_for_a_rollback_and_why(stage: Stage) -> None:
    stage.apply()
    stage.assert_done()
    stage.migration.patch(
        {"desiredState": "RolledBack"}, {REQUESTED_BY: "ada@example.org", REASON: "wrong team"}
    )
    status = stage.assert_rolled_back(updates=2)
    assert status["rollback"]["requestedBy"] == "ada@example.org"
    assert status["rollback"]["reason"] == "wrong team"
    run = stage.ledger.run
    assert (run["rollback_requested_by"], run["rollback_reason"]) == ("ada@example.org", "wrong team")


def test_a_run_that_came_back_stays_back_when_git_wants_it_migrated_again(stage: Stage) -> None:
    stage.apply()
    stage.assert_done()
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)
    stage.migration.patch({"desiredState": "Migrated"})
    stage.migration.wait_for(lambda s: s["observedGeneration"] == 3, "the change is seen")
    stage.assert_rolled_back(updates=2)


# A rollback that can't be finished


@pytest.fixture
def damaged(stage: Stage) -> str:
    """The image's name, after somebody altered it and the rollback failed because of that."""
    stage.apply()
    image = stage.assert_done()["backup"]["name"]
    stage.database.execute(f"UPDATE roleshift.{image} SET role = 'admin' WHERE key_1 = 1")
    stage.migration.roll_back()
    status = stage.migration.wait_for_phase("Failed")
    assert condition_of(status, "Stalled")["reason"] == "RollbackFailed"
    assert "retryRequestedAt" in condition_of(status, "Stalled")["message"]
    assert stage.ledger.run["active"]
    stage.oracle.assert_after()
    return str(image)


def test_a_rollback_that_failed_is_tried_again_once_its_cause_is_mended(stage: Stage, damaged: str) -> None:
    stage.migration.patch(annotations={RETRY: "1"})
    wait_until(lambda: stage.ledger.run["retry_token"] == "1", 10, "it is tried again")
    stage.migration.wait_for_phase("Failed")
    stage.database.execute(f"UPDATE roleshift.{damaged} SET role = 'senior_dev' WHERE key_1 = 1")
    stage.migration.patch(annotations={RETRY: "2"})
    stage.migration.wait_for_phase("RolledBack")
    stage.assert_rolled_back(updates=2)


def test_an_object_whose_rollback_failed_can_be_deleted_and_says_what_it_leaves(
    stage: Stage, damaged: str
) -> None:
    run_id = stage.migration.status["runID"]
    stage.migration.delete()
    stage.migration.kubectl("wait", "--for=delete", f"rolemig/{stage.migration.name}", "--timeout=10s")
    assert stage.ledger.run["active"], "no other run may begin on that table"
    assert stage.ledger.images == 1
    told = stage.migration.kubectl("get", "events", "-o", "jsonpath={.items[*].message}")
    assert run_id in told
    assert damaged in told


# Retry


def test_a_retry_of_a_run_that_came_back_is_a_new_run_with_a_new_image(stage: Stage) -> None:
    stage.apply()
    first = stage.assert_done()
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)
    stage.migration.patch({"desiredState": "Migrated"}, {RETRY: "2026-11-23T10:00:00Z"})
    second = stage.migration.wait_for_phase("Done")
    stage.oracle.assert_after()
    stage.ledger.assert_agrees(second)
    assert second["runID"] != first["runID"]
    assert second["backup"]["name"] != first["backup"]["name"]
    assert stage.ledger.run["attempt"] == 2


def test_the_same_retry_annotation_is_acted_on_once(stage: Stage, operator: OperatorProcess) -> None:
    stage.apply(validation={"assertions": [BROKEN_ASSERTION]})
    stage.assert_rolled_back(updates=0)
    stage.retry_in_vain("1")
    restart(operator)
    stage.migration.patch(annotations={"reconcile.fluxcd.io/requestedAt": "1"})
    stage.migration.wait_for(lambda s: s.get("lastHandledReconcileAt") == "1", "it is looked at")
    assert stage.ledger.run["attempt"] == 2


def test_a_retry_while_the_old_state_is_wanted_is_refused_with_a_word(
    stage: Stage, operator: OperatorProcess
) -> None:
    stage.apply()
    stage.assert_done()
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)
    stage.migration.patch(annotations={RETRY: "1", "reconcile.fluxcd.io/requestedAt": "1"})
    status = stage.migration.wait_for(lambda s: s.get("lastHandledReconcileAt") == "1", "it is looked at")
    assert stage.ledger.run["attempt"] == 1
    ready = condition_of(status, "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "RolledBackOnRequest")
    assert "spec.desiredState is RolledBack: set it to Migrated" in ready["message"]
    restart(operator)
    stage.migration.patch(annotations={"reconcile.fluxcd.io/requestedAt": "2"})
    stage.migration.wait_for(lambda s: s.get("lastHandledReconcileAt") == "2", "it is looked at again")
    assert events_of(stage.migration).count(("Warning", "RetryRefused")) == 1
    stage.migration.patch({"desiredState": "Migrated"})
    stage.migration.wait_for_phase("Done")
    assert stage.ledger.run["attempt"] == 2


def test_a_retry_of_a_done_run_does_nothing_and_is_refused_with_a_word(stage: Stage) -> None:
    stage.apply()
    done = stage.assert_done()
    stage.migration.patch(annotations={RETRY: "1", "reconcile.fluxcd.io/requestedAt": "1"})
    stage.migration.wait_for(lambda s: s.get("lastHandledReconcileAt") == "1", "it is looked at")
    again = stage.assert_done()
    assert again["runID"] == done["runID"]
    assert condition_of(again, "Ready")["status"] == "True"
    assert "only a Failed or RolledBack run is retried" in condition_of(again, "Ready")["message"]
    assert ("Warning", "RetryRefused") in events_of(stage.migration)


def test_a_failed_run_is_tried_again_when_its_cause_is_mended(stage: Stage) -> None:
    stage.database.execute("ALTER TABLE user_profiles RENAME TO elsewhere")
    stage.apply()
    failed = stage.migration.wait_for_phase("Failed")
    stage.database.execute("ALTER TABLE elsewhere RENAME TO user_profiles")
    stage.migration.patch(annotations={RETRY: "1"})
    done = stage.migration.wait_for_phase("Done")
    assert done["runID"] != failed["runID"]
    assert not condition_of(done, "Stalled")
    stage.oracle.assert_after()
