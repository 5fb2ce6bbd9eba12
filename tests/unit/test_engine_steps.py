"""The choice of the next step: total, the same after every crash, and by rank: undo, rest, work."""

import itertools
from dataclasses import replace

import pytest

from roleshift.api import Mode, Phase
from roleshift.engine.steps import (
    Decision,
    RollbackRequest,
    Situation,
    Standing,
    Step,
    Suspension,
    WriteState,
    after_gate,
    next_step,
)
from roleshift.engine.transitions import TERMINAL

ALL = [
    Situation(*parts)
    for parts in itertools.product(Phase, WriteState, RollbackRequest, Suspension, Mode, Standing, Decision)
]
ENDED = (Phase.FAILED, Phase.ROLLED_BACK)


def situations(**wanted: object) -> list[Situation]:
    return [s for s in ALL if all(getattr(s, name) is value for name, value in wanted.items())]


def is_written(situation: Situation) -> bool:
    may_be = situation.write is WriteState.COMMITTED or situation.phase in (Phase.VALIDATING, Phase.DONE)
    return may_be and situation.mode is Mode.APPLY


@pytest.mark.parametrize("situation", ALL)
def test_there_is_a_step_for_every_situation(situation: Situation) -> None:
    assert isinstance(next_step(situation), Step)


@pytest.mark.parametrize(
    ("phase", "step"),
    [
        (Phase.PENDING, Step.CHECK),
        (Phase.CHECKING, Step.CHECK),
        (Phase.BACKING_UP, Step.BACK_UP),
        (Phase.MIGRATING, Step.MIGRATE),
        (Phase.VALIDATING, Step.VALIDATE),
        (Phase.DONE, Step.REST),
        (Phase.ROLLING_BACK, Step.ROLL_BACK),
        (Phase.ROLLED_BACK, Step.REST),
        (Phase.FAILED, Step.REST),
    ],
)
def test_without_requests_a_phase_does_its_own_work(phase: Phase, step: Step) -> None:
    assert next_step(Situation(phase)) is step


@pytest.mark.parametrize("phase", ENDED)
def test_a_run_that_failed_or_came_back_rests_whatever_is_asked(phase: Phase) -> None:
    assert {next_step(s) for s in situations(phase=phase)} == {Step.REST}


def test_a_rollback_that_has_begun_is_finished_whatever_is_asked() -> None:
    assert {next_step(s) for s in situations(phase=Phase.ROLLING_BACK)} == {Step.ROLL_BACK}


def test_a_rollback_outranks_a_suspension() -> None:
    for situation in situations(rollback=RollbackRequest.REQUESTED):
        awake = replace(situation, suspension=Suspension.RUNNING)
        assert next_step(situation) is next_step(awake)


def test_what_was_written_is_rolled_back_and_what_was_not_is_cancelled() -> None:
    for situation in situations(rollback=RollbackRequest.REQUESTED):
        if situation.phase in (*ENDED, Phase.ROLLING_BACK):
            continue
        if situation.phase is Phase.DONE and situation.standing is Standing.SUPERSEDED:
            continue
        wanted = Step.ROLL_BACK if is_written(situation) else Step.CANCEL
        assert next_step(situation) is wanted, situation


def test_a_done_run_that_a_later_one_has_superseded_stands_back_when_it_is_to_be_undone() -> None:
    for situation in ALL:
        stands_back = situation in situations(
            phase=Phase.DONE,
            standing=Standing.SUPERSEDED,
            rollback=RollbackRequest.REQUESTED,
            mode=Mode.APPLY,
        )
        assert (next_step(situation) is Step.STAND_BACK) is stands_back, situation


def test_a_run_that_occupies_its_table_can_not_be_superseded() -> None:
    """No later run begins meanwhile, so what it has begun is finished whatever the ledger says of others."""
    for situation in situations(standing=Standing.SUPERSEDED):
        if situation.phase is not Phase.DONE:
            assert next_step(situation) is next_step(replace(situation, standing=Standing.LATEST))


def test_nothing_is_rolled_back_that_nobody_asked_for() -> None:
    for situation in situations(rollback=RollbackRequest.NONE):
        if situation.phase is not Phase.ROLLING_BACK:
            assert next_step(situation) not in (Step.ROLL_BACK, Step.CANCEL)


def test_a_suspension_holds_a_run_before_its_write_and_never_after_it() -> None:
    for situation in situations(suspension=Suspension.SUSPENDED, rollback=RollbackRequest.NONE):
        if situation.phase in TERMINAL or situation.phase is Phase.ROLLING_BACK:
            continue
        assert (next_step(situation) is Step.PAUSE) is not is_written(situation), situation


def test_a_decision_is_waited_for_and_carried_out_in_validating_alone_and_a_rollback_outranks_it() -> None:
    for situation in ALL:
        decides = next_step(situation) in (Step.AWAIT, Step.ACCEPT)
        asked = situation.rollback is RollbackRequest.REQUESTED
        rests = situation.suspension is Suspension.SUSPENDED and not is_written(situation)
        may = situation.phase is Phase.VALIDATING and situation.decision is not Decision.NONE
        assert decides is (may and not asked and not rests), situation


def test_nobody_pauses_a_run_that_nobody_suspended() -> None:
    assert Step.PAUSE not in {next_step(s) for s in situations(suspension=Suspension.RUNNING)}


def test_a_done_run_is_cancelled_only_where_nothing_was_written() -> None:
    for situation in situations(phase=Phase.DONE, rollback=RollbackRequest.REQUESTED):
        assert (next_step(situation) is Step.CANCEL) is (situation.mode is not Mode.APPLY)


@pytest.mark.parametrize(
    ("mode", "step"),
    [(Mode.APPLY, Step.BACK_UP), (Mode.DRY_RUN, Step.DRY_RUN), (Mode.REHEARSE, Step.REHEARSE)],
)
def test_only_apply_writes_once_the_gate_is_open(mode: Mode, step: Step) -> None:
    assert after_gate(mode) is step
