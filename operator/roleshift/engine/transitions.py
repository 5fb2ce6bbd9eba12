"""The only place that knows which phase may follow which.

Source: the phases and rules of a run in docs/reference/phases.md. The table is
data; everything else asks it. It knows nothing of time, attempts or databases.
"""

from enum import StrEnum

from roleshift.api.phase import Phase
from roleshift.engine.outcome import Advance, Conclude, Extent, Fail, Outcome, Replan, Retry, Undo, Wait


class Move(StrEnum):
    """What an outcome asks of the transition table."""

    STAY = "Stay"
    ADVANCE = "Advance"
    CONCLUDE = "Conclude"
    REPLAN = "Replan"
    UNDO_UNCOMMITTED = "UndoUncommitted"
    UNDO_COMMITTED = "UndoCommitted"
    FAIL = "Fail"


class IllegalTransition(Exception):
    """A phase answered something that the table does not allow: a bug, never a user's error."""


TRANSITIONS: dict[tuple[Phase, Move], Phase] = {
    (Phase.PENDING, Move.ADVANCE): Phase.CHECKING,
    (Phase.PENDING, Move.UNDO_UNCOMMITTED): Phase.ROLLED_BACK,
    (Phase.PENDING, Move.FAIL): Phase.FAILED,
    (Phase.CHECKING, Move.ADVANCE): Phase.BACKING_UP,
    (Phase.CHECKING, Move.CONCLUDE): Phase.DONE,
    (Phase.CHECKING, Move.REPLAN): Phase.CHECKING,
    (Phase.CHECKING, Move.UNDO_UNCOMMITTED): Phase.ROLLED_BACK,
    (Phase.CHECKING, Move.FAIL): Phase.FAILED,
    (Phase.BACKING_UP, Move.ADVANCE): Phase.MIGRATING,
    (Phase.BACKING_UP, Move.REPLAN): Phase.CHECKING,
    (Phase.BACKING_UP, Move.UNDO_UNCOMMITTED): Phase.ROLLED_BACK,
    (Phase.BACKING_UP, Move.FAIL): Phase.FAILED,
    (Phase.MIGRATING, Move.ADVANCE): Phase.VALIDATING,
    (Phase.MIGRATING, Move.REPLAN): Phase.CHECKING,
    (Phase.MIGRATING, Move.UNDO_UNCOMMITTED): Phase.ROLLED_BACK,
    (Phase.MIGRATING, Move.UNDO_COMMITTED): Phase.ROLLING_BACK,
    (Phase.MIGRATING, Move.FAIL): Phase.FAILED,
    (Phase.VALIDATING, Move.ADVANCE): Phase.DONE,
    # A person takes the data as they are.
    (Phase.VALIDATING, Move.CONCLUDE): Phase.DONE,
    (Phase.VALIDATING, Move.UNDO_COMMITTED): Phase.ROLLING_BACK,
    # Only of a dry run or a rehearsal, which wrote nothing.
    (Phase.DONE, Move.UNDO_UNCOMMITTED): Phase.ROLLED_BACK,
    (Phase.DONE, Move.UNDO_COMMITTED): Phase.ROLLING_BACK,
    (Phase.ROLLING_BACK, Move.ADVANCE): Phase.ROLLED_BACK,
    (Phase.ROLLING_BACK, Move.FAIL): Phase.FAILED,
    # Only after RollbackFailed, when a person asks to try the restore again.
    (Phase.FAILED, Move.UNDO_COMMITTED): Phase.ROLLING_BACK,
}

TERMINAL = frozenset({Phase.DONE, Phase.ROLLED_BACK, Phase.FAILED})

BEFORE_FIRST_WRITE = frozenset({Phase.PENDING, Phase.CHECKING})
"""Phases in which the run has written nothing at all outside its own ledger row."""


def move_of(outcome: Outcome) -> Move:
    """The move that an outcome asks for."""
    match outcome:
        case Advance():
            return Move.ADVANCE
        case Conclude():
            return Move.CONCLUDE
        case Replan():
            return Move.REPLAN
        case Undo(extent=Extent.COMMITTED):
            return Move.UNDO_COMMITTED
        case Undo():
            return Move.UNDO_UNCOMMITTED
        case Fail():
            return Move.FAIL
        case Wait() | Retry():
            return Move.STAY


def next_phase(phase: Phase, outcome: Outcome) -> Phase:
    """The phase after an outcome.

    Raises:
        IllegalTransition: when the table has no such move.
    """
    move = move_of(outcome)
    if move is Move.STAY:
        return phase
    try:
        return TRANSITIONS[phase, move]
    except KeyError:
        raise IllegalTransition(f"{phase} does not allow {move}") from None
