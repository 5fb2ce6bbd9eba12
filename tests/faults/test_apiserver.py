"""The API server goes away in the middle of a run, and comes back: the run goes on, the status catches up."""

import pytest

from conftest import StartOperator
from localenv.wait import wait_until
from support.stage import QUICK_LEASE, Stage


@pytest.fixture
def starting(start_operator: StartOperator) -> StartOperator:
    """Each test has operators of its own."""
    return start_operator


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
    wait_until(lambda: operator.log_text().count("lease gained") > 1, 10, "the Lease is gained again")
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


@pytest.mark.long
def test_a_wish_is_heard_that_was_uttered_while_the_watch_was_down(stage: Stage) -> None:
    stage.start()
    stage.apply()
    stage.assert_done()
    stage.control_plane.stop_api()
    stage.control_plane.restart_api()
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2, deadline=30)
