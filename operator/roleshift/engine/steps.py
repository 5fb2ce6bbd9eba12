"""Which work comes next, from what the ledger and the object say. Pure; asked again after every crash."""

from dataclasses import dataclass
from enum import StrEnum

from roleshift.api.phase import Phase
from roleshift.api.policy import Mode


class Step(StrEnum):
    """The work that the worker does next."""

    CHECK = "Check"
    DRY_RUN = "DryRun"
    REHEARSE = "Rehearse"
    BACK_UP = "BackUp"
    MIGRATE = "Migrate"
    VALIDATE = "Validate"
    ACCEPT = "Accept"
    AWAIT = "Await"
    ROLL_BACK = "RollBack"
    CANCEL = "Cancel"
    PAUSE = "Pause"
    STAND_BACK = "StandBack"
    REST = "Rest"


class WriteState(StrEnum):
    """What the ledger knows about the run's write to the target."""

    NOT_COMMITTED = "NotCommitted"
    COMMITTED = "Committed"


class RollbackRequest(StrEnum):
    """Whether a person asked for the old state; latched in the ledger when first seen."""

    NONE = "None"
    REQUESTED = "Requested"


class Suspension(StrEnum):
    """Whether a person asked the run to rest."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"


class Decision(StrEnum):
    """Whether a person has to decide what becomes of data that are not as they should be, or has."""

    NONE = "None"
    AWAITED = "Awaited"
    ACCEPTED = "Accepted"


class Standing(StrEnum):
    """Whether a later run has written to the same table and was not rolled back."""

    LATEST = "Latest"
    SUPERSEDED = "Superseded"


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that the choice of the next step depends on."""

    phase: Phase
    write: WriteState = WriteState.NOT_COMMITTED
    rollback: RollbackRequest = RollbackRequest.NONE
    suspension: Suspension = Suspension.RUNNING
    mode: Mode = Mode.APPLY
    standing: Standing = Standing.LATEST
    decision: Decision = Decision.NONE


_WORK = {
    Phase.PENDING: Step.CHECK,
    Phase.CHECKING: Step.CHECK,
    Phase.BACKING_UP: Step.BACK_UP,
    Phase.MIGRATING: Step.MIGRATE,
    Phase.ROLLING_BACK: Step.ROLL_BACK,
}
_DECIDED = {Decision.AWAITED: Step.AWAIT, Decision.ACCEPTED: Step.ACCEPT}
_AFTER_GATE = {Mode.APPLY: Step.BACK_UP, Mode.DRY_RUN: Step.DRY_RUN, Mode.REHEARSE: Step.REHEARSE}
_UNDOABLE = frozenset({Phase.VALIDATING, Phase.DONE})


def next_step(situation: Situation) -> Step:
    """The next step; total over every situation.

    A rollback outranks a suspension, and a rollback that has begun is always
    finished. A write that committed is never begun again. Runs on one table are
    undone in the reverse order of their writes. What follows an open gate is
    `after_gate`'s answer.
    """
    phase = situation.phase
    if phase in (Phase.FAILED, Phase.ROLLED_BACK):
        return Step.REST
    if phase is Phase.ROLLING_BACK:
        return Step.ROLL_BACK
    if situation.rollback is RollbackRequest.REQUESTED:
        return _undo(situation)
    if phase is Phase.DONE:
        return Step.REST
    if situation.suspension is Suspension.SUSPENDED and not _has_written(situation):
        return Step.PAUSE
    return _DECIDED.get(situation.decision, Step.VALIDATE) if phase is Phase.VALIDATING else _WORK[phase]


def _undo(situation: Situation) -> Step:
    if not _has_written(situation):
        return Step.CANCEL
    superseded = situation.phase is Phase.DONE and situation.standing is Standing.SUPERSEDED
    return Step.STAND_BACK if superseded else Step.ROLL_BACK


def after_gate(mode: Mode) -> Step:
    """What is done once the gate is open and the plan approved."""
    return _AFTER_GATE[mode]


def _has_written(situation: Situation) -> bool:
    if situation.mode is not Mode.APPLY:
        return False
    return situation.phase in _UNDOABLE or situation.write is WriteState.COMMITTED
