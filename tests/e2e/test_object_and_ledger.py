"""The object and the ledger tell different things: another spec, a lost or an older ledger, no database."""

from typing import Any

import pytest

from localenv.api import ApiError
from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from roleshift.engine.requests import RETRY
from support.ledger_rows import make_older
from support.migrations import condition_of
from support.scrape import total
from support.stage import BROKEN_ASSERTION, Stage, restart

VERSIONS = "SELECT id, xmin::text FROM user_profiles ORDER BY id"


# Other manifests


def test_a_changed_manifest_is_a_new_run_of_one_that_failed_before_it_wrote(stage: Stage) -> None:
    stage.apply(target={"table": "user_profile"})
    failed = stage.migration.wait_for_phase("Failed")
    assert condition_of(failed, "Stalled")["reason"] == "TableNotFound"
    stage.migration.patch({"target": {"table": "user_profiles"}})
    stage.migration.wait_for_phase("Done")
    done = stage.assert_done()
    assert done["runID"] != failed["runID"]
    assert done["plan"]["hash"] != failed.get("plan", {}).get("hash")


def test_a_change_of_what_a_run_is_judged_by_is_a_new_attempt_of_the_same_run(stage: Stage) -> None:
    stage.apply(checks={"minimumScore": 100})
    failed = stage.migration.wait_for_phase("Failed")
    assert condition_of(failed, "Stalled")["reason"] == "ScoreTooLow"
    stage.migration.patch({"checks": {"minimumScore": 90}})
    stage.migration.wait_for_phase("Done")
    stage.assert_done()
    assert stage.ledger.run["attempt"] == 2


def test_a_spec_that_changes_while_the_run_is_checked_is_checked_anew(stage: Stage) -> None:
    with stage.held_in("Checking"):
        stage.migration.patch({"unmappedRoles": "Keep"})
    done = stage.assert_done()
    assert done["observedGeneration"] == 2
    runs = stage.database.query("SELECT phase, active FROM roleshift.migration_run ORDER BY created_at")
    assert runs == [("Checking", False), ("Done", False)]


def test_a_manifest_is_frozen_before_anything_is_written(stage: Stage) -> None:
    with stage.held_in("BackingUp"):
        assert stage.ledger.images == 0
        with pytest.raises(ApiError, match=r"spec\.unmappedRoles can't be changed"):
            stage.migration.patch({"unmappedRoles": "Keep"})
    stage.assert_done()


# The ledger is gone


@pytest.fixture
def lost(stage: Stage) -> dict[str, Any]:
    """The status of a Done run whose ledger was dropped, as after a restore of an older database."""
    stage.apply()
    done = stage.assert_done()
    stage.wait_until_released()
    stage.database.execute("DROP SCHEMA roleshift CASCADE")
    stage.migration.patch(annotations={"touched": "yes"})
    status = stage.migration.wait_for_reason("LedgerLost")
    assert status["runID"] == done["runID"]
    return status


def assert_lost(stage: Stage) -> None:
    status = stage.migration.status
    assert condition_of(status, "Stalled")["reason"] == "LedgerLost"
    assert condition_of(status, "Ready")["status"] == "False"
    assert not condition_of(status, "Reconciling")
    assert stage.ledger.run == {}


@pytest.mark.usefixtures("lost")
def test_a_run_whose_ledger_is_lost_is_stalled_and_writes_nothing(
    stage: Stage, operator: OperatorProcess
) -> None:
    assert_lost(stage)
    versions = stage.database.query(VERSIONS)
    restart(operator)
    stage.migration.patch({"suspend": True}, {"touched": "again"})
    stage.migration.patch({"suspend": False})
    stage.migration.wait_for(lambda s: s["observedGeneration"] == 3, "the change is seen")
    assert_lost(stage)
    assert stage.database.query(VERSIONS) == versions


@pytest.mark.usefixtures("lost")
def test_a_run_whose_ledger_is_lost_begins_anew_when_a_person_says_so(stage: Stage) -> None:
    stage.migration.patch(annotations={RETRY: "2126-11-23T10:00:00Z"})
    status = stage.migration.wait_for_phase("Done")
    assert not condition_of(status, "Stalled")
    assert stage.ledger.run["attempt"] == 1


def test_an_old_retry_does_not_excuse_a_lost_ledger(stage: Stage) -> None:
    stage.apply(validation={"assertions": [BROKEN_ASSERTION]})
    stage.assert_rolled_back(updates=0)
    stage.retry_in_vain("2026-01-01T10:00:00Z")
    stage.wait_until_released()
    stage.database.execute("DROP SCHEMA roleshift CASCADE")
    stage.migration.patch(annotations={"touched": "yes"})
    stage.migration.wait_for_reason("LedgerLost")
    assert_lost(stage)


# The ledger is older than the operator


def test_an_operator_that_finds_an_older_ledger_brings_it_up_and_goes_on_with_its_runs(
    stage: Stage, operator: OperatorProcess
) -> None:
    stage.apply()
    done = stage.assert_done()
    stage.wait_until_released()
    operator.kill9()
    make_older(stage.database)
    operator.start()
    operator.wait_ready()
    stage.migration.patch(annotations={"reconcile.fluxcd.io/requestedAt": "1"})
    stage.migration.wait_for(lambda s: s.get("lastHandledReconcileAt") == "1", "it is looked at")
    assert stage.assert_done()["runID"] == done["runID"]
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)


# The status while the database can't be asked


@pytest.mark.parametrize("end", ["Done", "Failed", "RolledBack"])
def test_a_run_at_rest_keeps_its_status_while_its_database_is_away(
    stage: Stage, operator: OperatorProcess, end: str
) -> None:
    changes: dict[str, dict[str, Any]] = {
        "Done": {},
        "Failed": {"target": {"table": "nowhere"}},
        "RolledBack": {"validation": {"assertions": [BROKEN_ASSERTION]}},
    }
    stage.apply(**changes[end])
    ended = stage.migration.wait_for_phase(end)
    stage.wait_until_released()
    stage.migration.secret(stage.database.uri.replace(f":{stage.database.server.port}/", ":1/"))
    restart(operator)
    stage.migration.patch(annotations={"touched": "yes"})
    missed = {"outcome": "Postponed"}
    wait_until(lambda: total(operator, "roleshift_reconcile_total", **missed) >= 2, 10, "it is missed")
    assert stage.migration.status == ended


def test_a_run_on_its_way_says_that_its_database_is_away_and_keeps_the_rest(
    stage: Stage, operator: OperatorProcess
) -> None:
    with stage.held_in("Migrating"):
        before = stage.migration.wait_for_phase("Migrating")
        stage.migration.secret(stage.database.uri.replace(f":{stage.database.server.port}/", ":1/"))
        restart(operator)
        status = stage.migration.wait_for_reason("ServerUnreachable")
        assert (status["phase"], status["runID"]) == ("Migrating", before["runID"])
        assert status["plan"] == before["plan"]
        assert condition_of(status, "BackupReady")["status"] == "True"
        assert condition_of(status, "Reconciling")["reason"] == "ServerUnreachable"
        stage.migration.secret(stage.database.uri)
    stage.assert_done()
