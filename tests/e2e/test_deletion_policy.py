"""What becomes of the backups when the object of an ended run is deleted."""

from typing import Any

import pytest

from localenv.wait import wait_until
from roleshift.cluster.finalizer import FINALIZER
from support.migrations import condition_of
from support.stage import Stage

REMOVED = "SELECT method, removed_at IS NOT NULL, removal_reason FROM roleshift.migration_backup"
DELETED = "the object of its run was deleted with deletionPolicy DeleteBackups"


def finalizers(stage: Stage) -> list[str]:
    found: list[str] = stage.migration.read()["metadata"].get("finalizers", [])
    return found


def delete(stage: Stage) -> None:
    """Delete the object and wait until it is gone."""
    stage.migration.delete()
    named = ("get", "rolemig", stage.migration.name, "--ignore-not-found", "-o", "name")
    wait_until(lambda: not stage.migration.kubectl(*named), 20, "the object is gone")


def done(stage: Stage, **changes: Any) -> None:
    stage.apply(**changes)
    stage.assert_done()


def test_retain_keeps_the_image_and_needs_no_finalizer(stage: Stage) -> None:
    done(stage)
    stage.wait_until_released()
    delete(stage)
    assert stage.ledger.images == 1
    assert stage.database.query(REMOVED) == [("Table", False, "")]
    stage.oracle.assert_after()


def test_delete_backups_keeps_the_finalizer_until_they_are_gone(stage: Stage) -> None:
    done(stage, deletionPolicy="DeleteBackups")
    assert finalizers(stage) == [FINALIZER]
    assert stage.ledger.images == 1
    delete(stage)
    assert stage.ledger.images == 0
    assert stage.database.query(REMOVED) == [("Table", True, "ObjectDeleted")]
    stage.oracle.assert_after()


def test_a_policy_that_is_set_later_counts(stage: Stage) -> None:
    done(stage)
    stage.wait_until_released()
    stage.migration.patch({"deletionPolicy": "DeleteBackups"})
    wait_until(lambda: finalizers(stage) == [FINALIZER], 20, "the finalizer stands again")
    delete(stage)
    assert stage.ledger.images == 0


def test_a_policy_that_is_taken_back_lets_the_object_go_with_its_backups_kept(stage: Stage) -> None:
    done(stage, deletionPolicy="DeleteBackups")
    stage.migration.patch({"deletionPolicy": "Retain"})
    stage.wait_until_released()
    delete(stage)
    assert stage.ledger.images == 1


def test_the_images_of_earlier_attempts_go_too(stage: Stage) -> None:
    done(stage, deletionPolicy="DeleteBackups")
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)
    stage.migration.patch(
        {"desiredState": "Migrated"}, {"roleshift.dev/retryRequestedAt": "2026-11-24T00:00:00Z"}
    )
    stage.migration.wait_for_phase("Done")
    assert stage.ledger.images == 2
    delete(stage)
    assert stage.ledger.images == 0
    stage.oracle.assert_after()


def test_without_its_backups_nothing_is_rolled_back_and_the_reason_is_said(stage: Stage) -> None:
    done(stage, deletionPolicy="DeleteBackups")
    delete(stage)
    stage.apply(deletionPolicy="DeleteBackups")
    stage.migration.wait_for_phase("Done")
    stage.migration.roll_back()
    status = stage.migration.wait_for_reason("BackupExpired")
    assert status["phase"] == "Done"
    assert DELETED in condition_of(status, "Ready")["message"]
    assert condition_of(status, "BackupReady")["reason"] == "ObjectDeleted"
    assert stage.ledger.phase == "Done"
    stage.oracle.assert_after()


@pytest.mark.parametrize("policy", ["Retain", "DeleteBackups"])
def test_deleted_before_the_first_write_nothing_is_left(stage: Stage, policy: str) -> None:
    with stage.held_in("Migrating"):
        stage.migration.patch({"deletionPolicy": policy})
        stage.migration.delete()
    named = ("get", "rolemig", stage.migration.name, "--ignore-not-found", "-o", "name")
    wait_until(lambda: not stage.migration.kubectl(*named), 30, "the object is gone")
    stage.oracle.assert_before()
    assert stage.ledger.images == 0
    assert stage.database.query(REMOVED) == []
