"""What people ask in the middle of a run: to bring it back, to delete it, to begin another one."""

from collections.abc import Iterator

import pytest

from localenv.api import ApiError
from localenv.namespaces import create_namespace, delete_namespace
from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from roleshift.cluster.finalizer import FINALIZER
from support.migrations import Migration, condition_of
from support.scrape import api_requests
from support.stage import CATCH_UP_SECONDS, Stage


def is_gone(stage: Stage) -> bool:
    try:
        stage.migration.read()
    except ApiError as error:
        return error.code == 404
    return False


def wait_until_gone(stage: Stage, deadline: float = CATCH_UP_SECONDS) -> None:
    wait_until(lambda: is_gone(stage), deadline, "the object is gone")


def assert_ledger_ended(stage: Stage, phase: str) -> None:
    run = stage.ledger.run
    assert (run["phase"], run["active"]) == (phase, False)


# Rollback


def test_a_rollback_asked_for_during_the_write_cancels_it(stage: Stage) -> None:
    stage.start()
    with stage.held_in("Migrating"):
        stage.migration.roll_back()
        status = stage.assert_rolled_back(updates=0)
    assert status["rollback"]["result"] == "TransactionRolledBack"
    assert condition_of(status, "Ready")["status"] == "True"
    assert condition_of(status, "Ready")["reason"] == "RolledBackOnRequest"
    assert stage.ledger.images == 0


@pytest.mark.parametrize("phase", ["Checking", "BackingUp"])
def test_a_rollback_asked_for_before_the_write_ends_the_run(stage: Stage, phase: str) -> None:
    stage.start()
    with stage.held_in(phase):
        stage.migration.roll_back()
    status = stage.assert_rolled_back(updates=0)
    assert condition_of(status, "Ready")["status"] == "True"
    assert stage.ledger.images == 0


def test_a_rollback_asked_for_during_the_validation_brings_every_row_back(stage: Stage) -> None:
    stage.start()
    with stage.held_in("Validating"):
        stage.migration.roll_back()
    status = stage.assert_rolled_back(updates=2)
    assert status["rollback"]["result"] == "Complete"
    assert condition_of(status, "Ready")["reason"] == "RolledBackOnRequest"


def test_a_wish_that_is_taken_back_is_fulfilled_all_the_same(stage: Stage) -> None:
    """Tools that heal drift put fields back; a rollback request was latched when it was first seen."""
    stage.start()
    with stage.held_in("RollingBack"):
        stage.migration.patch({"desiredState": "Migrated"})
        wait_until(lambda: stage.migration.status["observedGeneration"] >= 2, 20, "the request was seen")
    stage.assert_rolled_back(updates=2)


def test_a_rollback_that_an_operator_saw_is_done_by_the_next_one(stage: Stage) -> None:
    operator = stage.start()
    with stage.held_in("Migrating"):
        stage.migration.roll_back()
        wait_until(lambda: stage.ledger.run["rollback_requested_at"], 10, "the request is latched")
        operator.kill9()
        stage.migration.patch({"desiredState": "Migrated"})
    operator.start()
    operator.wait_ready()
    stage.assert_rolled_back(updates=0)


# Deletion


@pytest.mark.parametrize("phase", ["Checking", "BackingUp"])
def test_an_object_deleted_before_the_write_goes_and_leaves_nothing(stage: Stage, phase: str) -> None:
    stage.start()
    with stage.held_in(phase):
        stage.migration.delete()
        assert FINALIZER in stage.migration.read()["metadata"]["finalizers"]
    wait_until_gone(stage)
    assert_ledger_ended(stage, "RolledBack")
    stage.oracle.assert_before()
    assert stage.ledger.images == 0


def test_an_object_deleted_during_the_write_stops_it_and_goes(stage: Stage) -> None:
    stage.start()
    with stage.held_in("Migrating"):
        stage.migration.delete()
        wait_until_gone(stage)
        assert_ledger_ended(stage, "RolledBack")
    stage.oracle.assert_before()
    assert stage.oracle.updates_of_each_row() == [0]
    assert stage.ledger.images == 0


@pytest.mark.parametrize(("phase", "end"), [("Validating", "Done"), ("RollingBack", "RolledBack")])
def test_an_object_deleted_after_the_write_goes_when_its_run_has_ended(
    stage: Stage, phase: str, end: str
) -> None:
    stage.start()
    with stage.held_in(phase):
        stage.migration.delete()
        assert not is_gone(stage)
    wait_until_gone(stage)
    assert_ledger_ended(stage, end)
    (stage.oracle.assert_after if end == "Done" else stage.oracle.assert_before)()
    assert stage.ledger.images == 1


@pytest.mark.parametrize("phase", ["Migrating", "Validating"])
def test_an_object_deleted_while_no_operator_runs_is_looked_after_by_the_next_one(
    stage: Stage, phase: str
) -> None:
    operator = stage.start()
    with stage.held_in(phase):
        operator.kill9()
        stage.migration.delete()
    operator.start()
    operator.wait_ready()
    wait_until_gone(stage)
    assert_ledger_ended(stage, "Done" if phase == "Validating" else "RolledBack")
    (stage.oracle.assert_after if phase == "Validating" else stage.oracle.assert_before)()


def test_an_object_deleted_together_with_its_secret_is_ended_with_the_credentials_in_memory(
    stage: Stage,
) -> None:
    stage.start()
    with stage.held_in("Validating") as held:
        stage.migration.kubectl("delete", "secret", "people-db")
        stage.migration.delete()
        with stage.database.admin() as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [list(held)])
    wait_until_gone(stage)
    assert_ledger_ended(stage, "Done")
    stage.oracle.assert_after()


def test_a_done_object_goes_at_once_and_leaves_the_table_as_it_is(stage: Stage) -> None:
    stage.start()
    stage.apply()
    stage.assert_done()
    stage.migration.delete()
    wait_until_gone(stage, 3)
    stage.oracle.assert_after()
    assert stage.ledger.images == 1


# Two at once


@pytest.fixture
def other(stage: Stage) -> Migration:
    """Another RoleMigration for the same table."""
    return Migration(stage.control_plane, stage.migration.namespace, "second")


def test_of_two_migrations_of_one_table_one_waits_until_the_other_has_ended(
    stage: Stage, other: Migration
) -> None:
    stage.start()
    with stage.held_in("Validating"):
        other.apply(checks={"minimumScore": 0})
        status = other.wait_for_reason("AnotherRunActive")
        assert condition_of(status, "Reconciling")["status"] == "True"
        assert not condition_of(status, "Stalled")
        assert "user_profiles" in condition_of(status, "Ready")["message"]
    stage.migration.wait_for_phase("Done", deadline=CATCH_UP_SECONDS)
    ended = other.wait_for_end(20)
    assert ended["phase"] in ("Done", "Failed")
    active = stage.database.query("SELECT count(*) FROM roleshift.migration_run WHERE active")
    assert active == [(0,)]


@pytest.fixture
def second_namespace(stage: Stage) -> Iterator[str]:
    name = create_namespace(stage.control_plane.api)
    yield name
    delete_namespace(stage.control_plane.api, name)


def test_two_operators_in_two_clusters_never_work_on_one_table_at_once(
    stage: Stage, second_namespace: str
) -> None:
    """Another namespace stands for another cluster: another Lease, another object, the same table."""
    stage.start()
    elsewhere = Migration(stage.control_plane, second_namespace)
    elsewhere.secret(stage.database.uri)
    admin, lease = stage.control_plane.kubeconfig, ["--lease-namespace", second_namespace]
    with (
        stage.held_in("Validating"),
        OperatorProcess(admin, namespace=second_namespace, identity="elsewhere", arguments=lease),
    ):
        elsewhere.apply(checks={"minimumScore": 0})
        elsewhere.wait_for_reason("AnotherRunActive")
    status = stage.migration.wait_for_end(CATCH_UP_SECONDS)
    assert status["phase"] == "Done", status
    stage.oracle.assert_after()
    assert stage.oracle.updates_of_each_row() == [1]


# Storms


def test_a_storm_of_changes_during_a_write_does_no_harm(stage: Stage) -> None:
    operator = stage.start()
    with stage.held_in("Migrating") as held:
        before = api_requests(operator)
        for number in range(100):
            stage.migration.patch(annotations={"storm": str(number)})
        assert stage.gate.waiting() == held
    stage.assert_done()
    assert stage.ledger.logged("Migrating", "Committing") == 1
    assert api_requests(operator) - before < 20


@pytest.mark.long
def test_a_storm_of_changes_at_rest_writes_nothing(stage: Stage) -> None:
    operator = stage.start()
    stage.apply()
    stage.assert_done()
    epoch, before = stage.ledger.run["epoch"], api_requests(operator, verb="PATCH")
    for number in range(100):
        stage.migration.patch(annotations={"storm": str(number)})
    stage.migration.patch(annotations={"reconcile.fluxcd.io/requestedAt": "now"})
    stage.migration.wait_for(lambda s: s.get("lastHandledReconcileAt") == "now", "the last one is handled")
    assert stage.ledger.run["epoch"] == epoch
    assert api_requests(operator, verb="PATCH") == before + 1
