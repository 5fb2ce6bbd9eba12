"""A later run on the same table supersedes an older one: they are undone in the reverse order."""

from collections.abc import Iterator
from typing import Any

import pytest

from localenv.namespaces import create_namespace, delete_namespace
from localenv.operator import OperatorProcess
from support.cli_shell import Shell
from support.gate import SLOW_ASSERTION
from support.migrations import MAPPINGS, Migration, condition_of, events_of
from support.stage import BROKEN_ASSERTION, Stage, restart

LATER: dict[str, Any] = {"mappings": [{"from": "lead", "to": "manager"}], "unmappedRoles": "Keep"}
"""Moves a quarter of what the sample mapping has moved."""


def another(stage: Stage, name: str, namespace: str = "") -> Migration:
    """Another RoleMigration on the same table."""
    return Migration(stage.control_plane, namespace or stage.migration.namespace, name)


def later_run(stage: Stage, name: str = "second", namespace: str = "") -> Migration:
    """A later run on the stage's table, at its end."""
    later = another(stage, name, namespace)
    if namespace:
        later.secret(stage.database.uri)
    later.apply(**LATER)
    later.wait_for_phase("Done")
    return later


def rows(stage: Stage) -> list[tuple[Any, ...]]:
    """The table with the versions of its rows: whoever writes one, even to the same value, is seen."""
    return stage.database.query("SELECT *, xmin::text FROM user_profiles ORDER BY id")


def ledger_row(stage: Stage, name: str) -> tuple[Any, ...]:
    """A run as the ledger has it, whole."""
    found = stage.database.query(
        "SELECT to_jsonb(r)::text FROM roleshift.migration_run r WHERE name = %s", [name]
    )
    return found[-1]


@pytest.fixture
def older(stage: Stage) -> Migration:
    """The stage's run, Done."""
    stage.apply()
    stage.assert_done()
    stage.wait_until_released()
    return stage.migration


@pytest.fixture
def second_namespace(stage: Stage) -> Iterator[str]:
    name = create_namespace(stage.control_plane.api)
    yield name
    delete_namespace(stage.control_plane.api, name)


def test_the_rollback_of_an_older_run_is_refused_and_writes_nothing(
    stage: Stage, older: Migration, operator: OperatorProcess
) -> None:
    later = later_run(stage)
    before, row = rows(stage), ledger_row(stage, older.name)
    older.roll_back()
    status = older.wait_for_reason("Superseded")
    assert status["phase"] == "Done"
    states = {
        kind: condition_of(status, kind).get("status") for kind in ("Ready", "Succeeded", "Reconciling")
    }
    assert states == {"Ready": "False", "Succeeded": "True", "Reconciling": "True"}
    said = condition_of(status, "Ready")["message"]
    assert f"the RoleMigration {later.namespace}/second (run {later.status['runID']}) wrote to" in said
    assert f"roll that one back first (roleshift rollback second -n {later.namespace})" in said
    restart(operator)
    older.patch(annotations={"reconcile.fluxcd.io/requestedAt": "1"})
    older.wait_for(lambda s: s.get("lastHandledReconcileAt") == "1", "it is looked at again")
    assert condition_of(older.status, "Ready")["reason"] == "Superseded"
    assert rows(stage) == before
    assert ledger_row(stage, older.name) == row
    assert "finalizers" not in older.read()["metadata"]
    assert ("Warning", "Superseded") in events_of(older)


def test_it_goes_on_by_itself_once_the_later_run_is_undone(stage: Stage, older: Migration) -> None:
    later = later_run(stage)
    older.roll_back()
    older.wait_for_reason("Superseded")
    later.roll_back()
    later.wait_for_phase("RolledBack")
    status = older.wait_for_phase("RolledBack")
    assert condition_of(status, "Ready")["status"] == "True"
    assert status["rollback"]["remaining"] == 0
    stage.oracle.assert_before()


def test_rollbacks_that_are_asked_for_at_once_are_done_newest_first(stage: Stage, older: Migration) -> None:
    later = later_run(stage)
    newest = later_run(stage, "third")
    for one in (older, later, newest):
        one.roll_back()
    for one in (newest, later, older):
        assert condition_of(one.wait_for_phase("RolledBack"), "Ready")["reason"] == "RolledBackOnRequest"
    stage.oracle.assert_before()
    undone = "SELECT name FROM roleshift.migration_run ORDER BY completed_at"
    assert stage.database.query(undone) == [("third",), ("second",), (older.name,)]


def test_a_later_run_of_another_namespace_counts_as_well(
    stage: Stage, older: Migration, second_namespace: str
) -> None:
    later_run(stage, "elsewhere", second_namespace)
    older.roll_back()
    said = condition_of(older.wait_for_reason("Superseded"), "Ready")["message"]
    assert f"{second_namespace}/elsewhere" in said


def test_a_later_run_that_found_nothing_to_change_counts_as_well(stage: Stage, older: Migration) -> None:
    """It says that the table is migrated, which would be so no more."""
    twin = another(stage, "twin")
    twin.apply(mappings=MAPPINGS[:3], unmappedRoles="Keep")
    assert twin.wait_for_phase("Done")["plan"]["rows"] == 0
    older.roll_back()
    older.wait_for_reason("Superseded")
    twin.roll_back()
    older.wait_for_phase("RolledBack")
    twin.wait_for_phase("RolledBack")
    stage.oracle.assert_before()


def test_a_later_run_counts_as_soon_as_it_has_written(stage: Stage, older: Migration) -> None:
    later = another(stage, "second")
    with stage.gate.closed_in_validating():
        later.apply(**LATER, validation={"assertions": [SLOW_ASSERTION]})
        stage.gate.wait_for_visitor()
        older.roll_back()
        older.wait_for_reason("Superseded")
    later.wait_for_phase("Done")


def test_a_rollback_waits_for_a_run_that_has_begun_and_is_refused_once_that_has_written(
    stage: Stage, older: Migration
) -> None:
    later = another(stage, "second")
    with stage.gate.locked("roleshift.migration_backup", "SHARE"):
        later.apply(**LATER)
        stage.gate.wait_for_visitor()
        older.roll_back()
        older.wait_for_reason("AnotherRunActive")
    later.wait_for_phase("Done")
    older.wait_for_reason("Superseded")
    later.roll_back()
    older.wait_for_phase("RolledBack")
    stage.oracle.assert_before()


def test_a_refused_request_can_be_taken_back(stage: Stage, older: Migration) -> None:
    later = later_run(stage)
    older.roll_back()
    older.wait_for_reason("Superseded")
    older.patch({"desiredState": "Migrated"})
    status = older.wait_for_reason("MigrationCompleted")
    assert condition_of(status, "Ready")["status"] == "True"
    assert not condition_of(status, "Reconciling")
    later.roll_back()
    later.wait_for_phase("RolledBack")
    older.patch(annotations={"reconcile.fluxcd.io/requestedAt": "1"})
    older.wait_for(lambda s: s.get("lastHandledReconcileAt") == "1", "it is looked at")
    stage.oracle.assert_after()


def test_a_later_run_that_wrote_nothing_or_came_back_is_no_hindrance(stage: Stage, older: Migration) -> None:
    failed = another(stage, "second")
    failed.apply(**LATER, validation={"assertions": [BROKEN_ASSERTION]})
    failed.wait_for_phase("RolledBack")
    older.roll_back()
    older.wait_for_phase("RolledBack")
    stage.oracle.assert_before()


def test_a_later_run_that_left_rows_behind_when_it_came_back_is_undone_all_the_same(
    stage: Stage, older: Migration
) -> None:
    later = later_run(stage)
    stage.database.execute(
        "SET roleshift.run_id = 'somebody'; UPDATE user_profiles SET role = 'admin' WHERE id = 2"
    )
    later.roll_back()
    assert condition_of(later.wait_for_phase("RolledBack"), "Ready")["reason"] == "RolledBackWithConflicts"
    older.roll_back()
    status = older.wait_for_phase("RolledBack")
    assert status["rollback"]["remaining"] == 1


def test_a_retry_of_a_run_that_came_back_makes_it_the_latest(stage: Stage, older: Migration) -> None:
    later = later_run(stage)
    later.roll_back()
    later.wait_for_phase("RolledBack")
    older.roll_back()
    older.wait_for_phase("RolledBack")
    shell = Shell(stage.control_plane.api, stage.control_plane.kubeconfig, later.namespace, later.name)
    stage.apply()
    assert shell.run("retry", older.name).returncode == 0
    older.wait_for_phase("Done")
    assert shell.run("retry", later.name).returncode == 0
    later.wait_for_phase("Done")
    older.roll_back()
    older.wait_for_reason("Superseded")


def test_a_superseded_object_can_be_deleted(stage: Stage, older: Migration) -> None:
    later_run(stage)
    older.roll_back()
    older.wait_for_reason("Superseded")
    before = rows(stage)
    older.kubectl("delete", "rolemig", older.name, "--timeout=10s")
    assert rows(stage) == before


def test_who_waits_for_the_rollback_is_told_that_a_person_is_needed(stage: Stage, older: Migration) -> None:
    later_run(stage)
    shell = Shell(stage.control_plane.api, stage.control_plane.kubeconfig, older.namespace, older.name)
    done = shell.run("rollback", older.name, "--reason=wrong order", "--wait", "--interval=0.1")
    assert done.returncode == 5
    assert "roleshift rollback second" in done.stdout
