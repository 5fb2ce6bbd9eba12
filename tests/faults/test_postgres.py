"""The database goes away in the middle of a run, and comes back: the run goes on from the ledger."""

from collections.abc import Callable, Iterator

import pytest

from conftest import StartOperator
from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.postgres import PostgresServer
from support.migrations import condition_of
from support.stage import Stage, set_stage

Ending = Callable[[PostgresServer], None]
FAST, IMMEDIATE = PostgresServer.stop, PostgresServer.kill


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
    starting: StartOperator,
) -> Iterator[Stage]:
    """A stage on that server."""
    database = Database.create(mortal_server)
    yield set_stage(control_plane, namespace, database, starting)
    if not mortal_server.running:
        mortal_server.start()
    database.drop()


def restart(stage: Stage, ending: Ending) -> None:
    ending(stage.database.server)
    stage.database.server.start()


@pytest.mark.parametrize(
    ("phase", "ending"),
    [
        pytest.param("Checking", FAST, marks=pytest.mark.long),
        pytest.param("Checking", IMMEDIATE),
        pytest.param("Migrating", FAST),
        pytest.param("Migrating", IMMEDIATE),
        pytest.param("RollingBack", FAST, marks=pytest.mark.long),
        pytest.param("RollingBack", IMMEDIATE),
    ],
)
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


@pytest.mark.parametrize("ending", [FAST, IMMEDIATE])
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
