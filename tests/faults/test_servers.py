"""The servers that a run needs go away in the middle of it, and come back."""

from collections.abc import Callable, Iterator

import pytest

from conftest import StartOperator
from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.postgres import PostgresServer
from localenv.wait import wait_until
from support.migrations import condition_of
from support.stage import QUICK_LEASE, Stage, set_stage

Ending = Callable[[PostgresServer], None]
FAST, IMMEDIATE = PostgresServer.stop, PostgresServer.kill
ENDINGS = pytest.mark.parametrize("ending", [FAST, IMMEDIATE], ids=["fast", "immediate"])


@pytest.fixture(scope="module")
def mortal_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server that may be stopped."""
    with PostgresServer(18) as server:
        yield server


@pytest.fixture
def mortal(
    control_plane: ControlPlane,
    namespace: str,
    mortal_server: PostgresServer,
    start_operator: StartOperator,
) -> Iterator[Stage]:
    """A stage on that server."""
    database = Database.create(mortal_server)
    yield set_stage(control_plane, namespace, database, start_operator)
    if not mortal_server.running:
        mortal_server.start()
    database.drop()


def restart(stage: Stage, ending: Ending) -> None:
    ending(stage.database.server)
    stage.database.server.start()


# PostgreSQL


@ENDINGS
@pytest.mark.parametrize("phase", ["Checking", "Migrating", "RollingBack"])
def test_a_run_outlives_a_restart_of_its_database(mortal: Stage, phase: str, ending: Ending) -> None:
    mortal.start()
    with mortal.held_in(phase):
        restart(mortal, ending)
    if phase == "RollingBack":
        mortal.assert_rolled_back(updates=2)
    else:
        mortal.assert_done()


def test_a_run_outlives_the_loss_of_database_and_operator_at_once(mortal: Stage) -> None:
    operator = mortal.start()
    with mortal.held_in("Migrating"):
        operator.kill9()
        restart(mortal, IMMEDIATE)
    operator.start()
    operator.wait_ready()
    mortal.assert_done()


@ENDINGS
def test_a_restart_at_rest_is_not_noticed(mortal: Stage, ending: Ending) -> None:
    mortal.start()
    mortal.apply()
    before = mortal.assert_done()
    restart(mortal, ending)
    mortal.migration.patch(annotations={"touched": "yes"})
    assert mortal.assert_done() == before
    mortal.migration.roll_back()
    mortal.assert_rolled_back(updates=2)


def test_a_run_waits_for_a_server_that_is_away(mortal: Stage) -> None:
    mortal.start()
    mortal.database.server.stop()
    mortal.apply()
    status = mortal.migration.wait_for_reason("ServerUnreachable")
    assert status["phase"] == "Pending"
    assert condition_of(status, "Reconciling")["status"] == "True"
    mortal.database.server.start()
    mortal.assert_done()


def test_a_run_in_mid_write_says_that_its_server_is_away(mortal: Stage) -> None:
    mortal.start()
    with mortal.held_in("Migrating"):
        mortal.database.server.kill()
        status = mortal.migration.wait_for_reason("ServerUnreachable")
        assert status["phase"] == "Migrating"
        assert condition_of(status, "Reconciling")["status"] == "True"
        assert not condition_of(status, "Stalled")
        mortal.database.server.start()
    mortal.assert_done()


# The API server


def test_a_run_ends_without_the_api_server_and_its_status_catches_up(stage: Stage) -> None:
    stage.start()
    with stage.held_in("Migrating"):
        stage.control_plane.stop_api()
    wait_until(lambda: stage.ledger.phase == "Done", 10, "the run ends in the ledger")
    stage.control_plane.restart_api()
    stage.assert_done()


def test_a_run_that_lost_its_lease_with_the_api_server_goes_on_when_it_is_back(stage: Stage) -> None:
    operator = stage.start(arguments=QUICK_LEASE)
    with stage.held_in("Migrating"):
        stage.control_plane.stop_api()
        wait_until(lambda: not stage.gate.waiting(), 10, "the write is given up with the Lease")
        assert stage.ledger.phase == "Migrating"
        stage.oracle.assert_before()
    stage.control_plane.restart_api()
    wait_until(lambda: _gained_twice(operator.log_text()), 10, "the Lease is gained again")
    stage.assert_done()


def test_a_run_ends_while_the_api_server_hangs(stage: Stage) -> None:
    stage.start()
    with stage.held_in("Migrating"):
        stage.control_plane.pause_api()
    wait_until(lambda: stage.ledger.phase == "Done", 10, "the run ends in the ledger")
    stage.control_plane.resume_api()
    stage.assert_done()


def test_an_operator_that_starts_before_the_api_server_works_when_that_has_come(stage: Stage) -> None:
    operator = stage.start()
    operator.kill9()
    stage.apply()
    stage.control_plane.stop_api()
    operator.start()
    wait_until(lambda: "cluster not identified" in operator.log_text(), 10, "it misses the API server")
    stage.control_plane.restart_api()
    operator.wait_ready()
    stage.assert_done()


def test_a_wish_is_heard_that_was_uttered_while_the_watch_was_down(stage: Stage) -> None:
    stage.start()
    stage.apply()
    stage.assert_done()
    stage.control_plane.stop_api()
    stage.control_plane.restart_api()
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2, deadline=30)


def _gained_twice(log: str) -> bool:
    return log.count('"lease gained"') > 1
