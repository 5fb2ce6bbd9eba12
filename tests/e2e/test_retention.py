"""How long backups stay: counted from the end of the run, by the manifest as it stands now."""

from datetime import datetime, timedelta
from typing import Any

from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from support.migrations import condition_of, events_of
from support.stage import Stage, restart

SHORT = {"retentionSeconds": 3}
REMOVED = (
    "SELECT method, removal_reason FROM roleshift.migration_backup WHERE removed_at IS NOT NULL ORDER BY 1"
)
OVERDUE = "UPDATE roleshift.migration_backup SET expires_at = clock_timestamp() - interval '2 hours'"
LONG_AGO = "UPDATE roleshift.migration_run SET completed_at = completed_at - interval '40 days'"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def wait_until_gone(stage: Stage) -> None:
    wait_until(lambda: stage.ledger.images == 0, 20, "the image is removed")


def test_the_time_begins_with_the_end_of_the_run(stage: Stage) -> None:
    stage.apply(backup={"retentionSeconds": 86400})
    status = stage.assert_done()
    run = stage.ledger.run
    assert moment(status["backup"]["expiresTime"]) == (run["completed_at"] + timedelta(days=1)).replace(
        microsecond=0
    )


def test_a_changed_time_counts_from_the_end_too(stage: Stage) -> None:
    stage.apply()
    stage.assert_done()
    stage.migration.patch({"backup": {"retentionSeconds": 7200}})
    due = (stage.ledger.run["completed_at"] + timedelta(hours=2)).replace(microsecond=0)
    stage.migration.wait_for(
        lambda status: moment(status["backup"]["expiresTime"]) == due, "the new time stands"
    )


def test_an_expired_backup_goes_and_everybody_is_told(stage: Stage) -> None:
    stage.apply(backup=SHORT)
    stage.assert_done()
    wait_until_gone(stage)
    status = stage.migration.wait_for(
        lambda now: condition_of(now, "BackupReady")["status"] == "False", "the status tells it"
    )
    assert condition_of(status, "BackupReady")["reason"] == "Expired"
    assert condition_of(status, "Ready")["status"] == "True"
    assert (status["backup"]["methods"], status["backup"]["verified"]) == ([], False)
    assert stage.database.query(REMOVED) == [("Table", "Expired")]
    assert "BackupRemoved" in {reason for _, reason in events_of(stage.migration)}
    stage.oracle.assert_after()


def test_a_rollback_after_that_is_refused_and_taking_it_back_heals(stage: Stage) -> None:
    stage.apply(backup=SHORT)
    stage.assert_done()
    wait_until_gone(stage)
    stage.migration.roll_back()
    status = stage.migration.wait_for_reason("BackupExpired")
    assert status["phase"] == "Done"
    assert "write a new RoleMigration" in condition_of(status, "Ready")["message"]
    stage.migration.patch({"desiredState": "Migrated"})
    stage.migration.wait_for(
        lambda now: condition_of(now, "Ready")["status"] == "True", "the run is well again"
    )
    stage.oracle.assert_after()


def test_a_rollback_that_was_asked_for_in_time_keeps_its_backup(stage: Stage) -> None:
    with stage.held_in("RollingBack"):
        stage.migration.patch({"backup": SHORT})
        stage.database.execute(OVERDUE)
    stage.migration.wait_for_phase("RolledBack")
    stage.oracle.assert_before()


def test_a_time_that_passed_while_no_operator_ran_is_over(stage: Stage, operator: OperatorProcess) -> None:
    stage.apply()
    stage.assert_done()
    stage.wait_until_released()
    operator.kill9()
    stage.database.execute(f"{OVERDUE}; {LONG_AGO}")
    restart(operator)
    wait_until_gone(stage)


def test_an_operator_that_starts_again_wakes_in_time(stage: Stage, operator: OperatorProcess) -> None:
    stage.apply(backup={"retentionSeconds": 6})
    stage.assert_done()
    restart(operator)
    wait_until_gone(stage)


def test_backups_whose_object_is_gone_are_removed_by_the_next_run(stage: Stage) -> None:
    stage.apply()
    stage.assert_done()
    stage.wait_until_released()
    stage.migration.delete()
    stage.database.execute(f"{OVERDUE}; {LONG_AGO}")
    stage.oracle.assert_after()
    mappings: list[dict[str, Any]] = [{"from": "developer", "to": "developer", "seniority": "lead"}]
    stage.apply(mappings=mappings, unmappedRoles="Keep")
    stage.migration.wait_for_phase("Done")
    wait_until(lambda: stage.database.query(REMOVED) == [("Table", "Expired")], 10, "the old image is gone")
    assert stage.ledger.images == 1
