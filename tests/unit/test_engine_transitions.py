"""The transition table: every legal move, nothing else, and always a way to an end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Conclude, Extent, Fail, Outcome, Replan, Retry, Undo, Wait
from roleshift.engine.transitions import (
    BEFORE_FIRST_WRITE,
    TERMINAL,
    TRANSITIONS,
    IllegalTransition,
    Move,
    move_of,
    next_phase,
)
from roleshift.errors import DatabaseError, Reason

OUTCOMES: dict[Move, list[Outcome]] = {
    Move.STAY: [
        Wait(Reason.LOCK_TIMEOUT, "held"),
        Retry(DatabaseError(Reason.CONNECTION_LOST, "lost", retryable=True)),
    ],
    Move.ADVANCE: [Advance("done")],
    Move.CONCLUDE: [Conclude(Reason.DRY_RUN_COMPLETED, "nothing was written")],
    Move.REPLAN: [Replan(Reason.PLAN_CHANGED, "new roles")],
    Move.UNDO_UNCOMMITTED: [Undo(Reason.VALIDATION_FAILED, "nothing stays", Extent.UNCOMMITTED)],
    Move.UNDO_COMMITTED: [Undo(Reason.VALIDATION_FAILED, "bring it back", Extent.COMMITTED)],
    Move.FAIL: [Fail(Reason.DATABASE_ERROR, "broken")],
}
MOVES_THAT_MOVE = [move for move in Move if move is not Move.STAY]

# The phases of the user's view, as 2-api.md tells them, once more and by hand.
STORY = """
    Pending Checking BackingUp Migrating Validating Done
    Pending RolledBack          Pending Failed
    Checking Checking           Checking RolledBack         Checking Failed
    BackingUp Checking          BackingUp RolledBack        BackingUp Failed
    Migrating Checking          Migrating RolledBack        Migrating Failed
    Migrating RollingBack       Validating RollingBack      Done RollingBack
    RollingBack RolledBack      RollingBack Failed          Failed RollingBack
    Checking Done               Done RolledBack
"""


def _told() -> set[tuple[Phase, Phase]]:
    pairs = set()
    for chain in (part.split() for line in STORY.splitlines() for part in line.split("  ") if part.strip()):
        pairs |= {(Phase(a), Phase(b)) for a, b in itertools.pairwise(chain)}
    return pairs


OF_WHAT_WRITES_NOTHING = {(Phase.CHECKING, Move.CONCLUDE), (Phase.DONE, Move.UNDO_UNCOMMITTED)}
"""Moves of a dry run and of a rehearsal; a test of `next_step` sees that no other run makes them."""


def reachable(start: Phase, without: Phase | None = None) -> set[Phase]:
    """The phases that a run of mode Apply comes to."""
    seen, ahead = {start}, [start]
    while ahead:
        here = ahead.pop()
        for (phase, move), to in TRANSITIONS.items():
            if (phase, move) in OF_WHAT_WRITES_NOTHING:
                continue
            if phase is here and to not in seen and to is not without:
                seen.add(to)
                ahead.append(to)
    return seen


def test_the_table_tells_the_same_story_as_the_phases_of_the_api() -> None:
    assert {(phase, to) for (phase, _), to in TRANSITIONS.items()} == _told()


@pytest.mark.parametrize("move", Move)
def test_every_outcome_asks_for_its_move(move: Move) -> None:
    assert [move_of(outcome) for outcome in OUTCOMES[move]] == [move] * len(OUTCOMES[move])


@pytest.mark.parametrize(("phase", "move"), list(itertools.product(Phase, MOVES_THAT_MOVE)))
def test_a_move_is_in_the_table_or_refused(phase: Phase, move: Move) -> None:
    for outcome in OUTCOMES[move]:
        if (phase, move) in TRANSITIONS:
            assert next_phase(phase, outcome) is TRANSITIONS[phase, move]
        else:
            with pytest.raises(IllegalTransition, match=f"{phase} does not allow {move}"):
                next_phase(phase, outcome)


@pytest.mark.parametrize("phase", Phase)
def test_waiting_and_retrying_stay_in_the_phase(phase: Phase) -> None:
    assert {next_phase(phase, outcome) for outcome in OUTCOMES[Move.STAY]} == {phase}


def test_nothing_leaves_rolled_back() -> None:
    assert not [move for phase, move in TRANSITIONS if phase is Phase.ROLLED_BACK]


@pytest.mark.parametrize("phase", [Phase.DONE, Phase.FAILED])
def test_an_end_is_left_only_to_bring_the_old_state_back(phase: Phase) -> None:
    moves = {(start, move) for start, move in TRANSITIONS if start is phase} - OF_WHAT_WRITES_NOTHING
    assert moves == {(phase, Move.UNDO_COMMITTED)}


def test_no_phase_is_entered_that_nothing_leads_to() -> None:
    assert reachable(Phase.PENDING) == set(Phase)


@pytest.mark.parametrize("phase", sorted(set(Phase) - TERMINAL))
def test_every_phase_that_is_no_end_leads_to_one(phase: Phase) -> None:
    assert reachable(phase) & TERMINAL


def test_what_was_committed_is_never_left_standing_without_a_judgement() -> None:
    """From Validating on, an end is Done, or passes through RollingBack."""
    assert reachable(Phase.VALIDATING, without=Phase.ROLLING_BACK) == {Phase.VALIDATING, Phase.DONE}


def test_done_is_reached_through_validating_only() -> None:
    assert Phase.DONE not in reachable(Phase.PENDING, without=Phase.VALIDATING)


def test_a_failed_write_never_skips_the_image() -> None:
    assert Phase.MIGRATING not in reachable(Phase.PENDING, without=Phase.BACKING_UP)


@given(st.lists(st.sampled_from(MOVES_THAT_MOVE), max_size=30))
def test_no_sequence_of_legal_moves_comes_back_from_the_committed_side(moves: list[Move]) -> None:
    phase, committed = Phase.PENDING, False
    for move in moves:
        phase = TRANSITIONS.get((phase, move), phase)
        committed |= phase is Phase.VALIDATING
        assert not (committed and phase in BEFORE_FIRST_WRITE | {Phase.BACKING_UP, Phase.MIGRATING})
