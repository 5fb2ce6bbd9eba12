"""kill -9 of the operator: in each phase, and at random instants. The run goes on from the ledger."""

import random
import time
from functools import partial

import pytest

from conftest import StartOperator
from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.wait import wait_until
from support.stage import CATCH_UP_SECONDS, PHASES, Stage, restart, set_stage

SEED = 20261123
ROWS = 10_000
KILLED_WITHIN = 0.6
"""Seconds after an operator took the run over; about as long as it then needs for so many rows."""


def assert_ended(stage: Stage, phase: str) -> None:
    if phase == "RollingBack":
        stage.assert_rolled_back(updates=2)
    else:
        stage.assert_done()


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_that_lost_its_operator_is_finished_by_the_next_one(stage: Stage, phase: str) -> None:
    operator = stage.start()
    with stage.held_in(phase):
        operator.kill9()
    operator.start()
    operator.wait_ready()
    assert_ended(stage, phase)


@pytest.mark.parametrize(
    "phase",
    [
        "Migrating",
        pytest.param("Validating", marks=pytest.mark.long),
        pytest.param("RollingBack", marks=pytest.mark.long),
    ],
)
def test_the_next_operator_ends_what_the_dead_one_left_in_the_database(stage: Stage, phase: str) -> None:
    operator = stage.start()
    with stage.held_in(phase) as left_behind:
        restart(operator)
        stage.gate.wait_for_visitor(other_than=left_behind)
        assert not stage.gate.waiting() & left_behind
    assert_ended(stage, phase)


@pytest.mark.parametrize(
    "entered", ["BackingUp", "Migrating", "Validating", "Done", "RollingBack", "RolledBack"]
)
def test_an_operator_that_dies_between_its_work_and_its_note_of_it_is_followed(
    stage: Stage, entered: str
) -> None:
    operator = stage.start()
    comes_back = entered in ("RollingBack", "RolledBack")
    with stage.gate.closed_on_the_way_to(entered):
        stage.apply()
        if comes_back:
            stage.migration.wait_for_phase("Done")
            stage.migration.roll_back()
        stage.gate.wait_for_visitor()
        operator.kill9()
        assert stage.ledger.phase != entered
    operator.start()
    operator.wait_ready()
    assert_ended(stage, "RollingBack" if comes_back else entered)


def test_an_operator_that_is_asked_to_stop_leaves_a_run_that_the_next_one_finishes(stage: Stage) -> None:
    operator = stage.start()
    with stage.held_in("Migrating"):
        assert operator.stop() == 0
        wait_until(lambda: not stage.gate.waiting(), 20, "the write was cancelled")
    operator.start()
    operator.wait_ready()
    stage.assert_done()


class ThereAndBack:
    """A migration that is asked for, brought back, asked for again, and so on, whenever it has ended."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._asked = 0
        self.wanted = "Done"
        stage.apply()

    def ask_for_more(self) -> None:
        """Ask for the opposite if what was asked for is there."""
        migration = self._stage.migration
        if migration.status.get("phase") != self.wanted:
            return
        self._asked += 1
        if self.wanted == "Done":
            self.wanted = "RolledBack"
            migration.roll_back()
        else:
            self.wanted = "Done"
            token = {"roleshift.dev/retryRequestedAt": str(self._asked)}
            migration.patch({"desiredState": "Migrated"}, token)

    def taken_over(self, seen: int) -> int:
        """How often runs were taken over, 0 while that is no more than what was seen before."""
        self.ask_for_more()
        return self._stage.ledger.takeover_after(seen)

    def assert_ended(self) -> None:
        """What was asked for last is there, and no row was written more often than was asked for."""
        status = self._stage.migration.wait_for_phase(self.wanted, "Failed", deadline=CATCH_UP_SECONDS)
        assert status["phase"] == self.wanted, status
        (self._stage.oracle.assert_after if self.wanted == "Done" else self._stage.oracle.assert_before)()
        assert self._stage.oracle.updates_of_each_row() == [self._asked + 1]
        self._stage.ledger.assert_agrees(status)


def kill_at_random(stage: Stage, kills: int, chance: random.Random) -> None:
    """Kill so often, each time a moment after the operator took over, while a run goes there and back."""
    run, operator, epoch = ThereAndBack(stage), stage.start(), 0
    for _ in range(kills):
        epoch = wait_until(partial(run.taken_over, epoch), 20, "it takes the run over", 0.01)
        instant = time.monotonic() + chance.uniform(0, KILLED_WITHIN)
        wait_until(partial(_has_come, instant), 5, "the instant comes", 0.001)
        operator.kill9()
        operator.start()
    operator.wait_ready()
    run.assert_ended()


def _has_come(instant: float) -> bool:
    return time.monotonic() >= instant


@pytest.fixture
def large_stage(
    control_plane: ControlPlane, namespace: str, database: Database, starting: StartOperator
) -> Stage:
    return set_stage(control_plane, namespace, database, starting, rows=ROWS)


def test_kills_at_random_instants_leave_the_table_before_or_after(large_stage: Stage) -> None:
    kill_at_random(large_stage, kills=10, chance=random.Random(SEED))  # noqa: S311 - replayed, not secret


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(5))
def test_many_kills_at_random_instants_leave_the_table_before_or_after(
    large_stage: Stage, number: int
) -> None:
    kill_at_random(large_stage, kills=20, chance=random.Random(SEED + number))  # noqa: S311
