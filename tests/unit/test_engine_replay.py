"""Every interrupted transition, replayed: a run is stopped before and after each commit and asked again.

The world is what a database keeps: it changes by commits only. Whatever happens to a run on its way,
it comes to an end that agrees with the table.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Extent, Fail, Outcome, Replan, Undo
from roleshift.engine.settlement import RetryPolicy, Settlement, outcome_of_error, resolved, settle
from roleshift.engine.steps import RollbackRequest, Situation, Step, Suspension, WriteState, next_step
from roleshift.engine.transitions import TERMINAL
from roleshift.errors import DatabaseError, Reason

POLICY = RetryPolicy(limit=2, backoff_seconds=1, max_backoff_seconds=4)
STEPS_TO_AN_END = 12

LOST = DatabaseError(Reason.CONNECTION_LOST, "lost", retryable=True)
HELD = DatabaseError(Reason.LOCK_TIMEOUT, "held", retryable=True)
BROKEN = DatabaseError(Reason.DATABASE_ERROR, "broken")


class Happens(Enum):
    """What befalls a run in one step."""

    NOTHING = auto()
    KILLED_BEFORE_THE_WORK = auto()
    KILLED_AFTER_THE_WORK = auto()
    KILLED_AFTER_THE_SETTLEMENT = auto()
    CONNECTION_LOST_BEFORE_THE_COMMIT = auto()
    ANSWER_TO_THE_COMMIT_LOST = auto()
    BROKEN_AFTER_THE_COMMIT = auto()
    LOCK_HELD = auto()
    BROKEN = auto()
    PLAN_STALE = auto()
    VERIFICATION_FAILED = auto()
    ROLLBACK_ASKED = auto()
    SUSPENDED = auto()
    RESUMED = auto()


H = Happens
BEFORE_THE_WORK = {
    H.CONNECTION_LOST_BEFORE_THE_COMMIT: LOST,
    H.LOCK_HELD: HELD,
    H.BROKEN: BROKEN,
}
AFTER_THE_WORK = {H.ANSWER_TO_THE_COMMIT_LOST: LOST, H.BROKEN_AFTER_THE_COMMIT: BROKEN}


class Killed(Exception):
    """The operator is gone; what was committed stays."""


@dataclass
class World:
    """The ledger's row, the image and the table. `row_writes` counts commits that changed rows."""

    phase: Phase = Phase.CHECKING
    reason: Reason = Reason.CHECKING
    attempts: int = 0
    active: bool = False
    asked: RollbackRequest = RollbackRequest.NONE
    image: bool = False
    written: bool = False
    verified: bool = False
    restored: bool = False
    row_writes: list[str] = field(default_factory=list)

    @property
    def write(self) -> WriteState:
        return WriteState.COMMITTED if self.written else WriteState.NOT_COMMITTED

    @property
    def is_as_before(self) -> bool:
        return not self.written or self.restored

    def work(self, step: Step) -> None:
        """The commit of a step's own transaction; done once, however often it is asked for."""
        if step is Step.BACK_UP:
            self.image = True
        elif step is Step.CANCEL:
            self.image = False
        elif step is Step.MIGRATE and not self.written:
            assert self.image, "a write without an image"
            self.written = True
            self.row_writes.append("write")
        elif step is Step.ROLL_BACK and self.phase is Phase.ROLLING_BACK and not self.restored:
            assert self.image, "a restore without an image"
            self.restored = True
            self.row_writes.append("restore")

    def persist(self, settlement: Settlement) -> None:
        """The commit of a settlement."""
        self.phase, self.reason = settlement.phase, settlement.reason
        self.attempts, self.active = settlement.attempts, settlement.active


@dataclass
class Operator:
    """What dies with the process, and the loop that drives a run as the controller does."""

    world: World
    suspension: Suspension = Suspension.RUNNING

    def turn(self, happens: Happens) -> None:
        """One step, or less if the operator is killed in it."""
        self._hear(happens)
        world = self.world
        step = next_step(Situation(world.phase, world.write, world.asked, self.suspension))
        if step in (Step.REST, Step.PAUSE):
            return
        if happens is H.KILLED_BEFORE_THE_WORK:
            raise Killed
        outcome = resolved(world.phase, self._outcome(step, happens), world.write)
        settlement = settle(world.phase, outcome, attempts=world.attempts, looks=0, policy=POLICY)
        if happens is H.KILLED_AFTER_THE_WORK:
            raise Killed
        if not settlement.waiting:
            world.persist(settlement)
        if happens is H.KILLED_AFTER_THE_SETTLEMENT:
            raise Killed

    def _hear(self, happens: Happens) -> None:
        if happens is H.ROLLBACK_ASKED and self.world.phase not in (Phase.ROLLED_BACK, Phase.FAILED):
            self.world.asked = RollbackRequest.REQUESTED
        elif happens is H.SUSPENDED:
            self.suspension = Suspension.SUSPENDED
        elif happens is H.RESUMED:
            self.suspension = Suspension.RUNNING

    def _outcome(self, step: Step, happens: Happens) -> Outcome:
        world = self.world
        if step is Step.ROLL_BACK and world.phase is not Phase.ROLLING_BACK:
            return Undo(Reason.ROLLED_BACK_ON_REQUEST, "asked", Extent.COMMITTED)
        if happens in BEFORE_THE_WORK:
            return outcome_of_error(world.phase, BEFORE_THE_WORK[happens])
        if happens is H.PLAN_STALE and step in (Step.BACK_UP, Step.MIGRATE) and not world.written:
            return Replan(Reason.PLAN_CHANGED, "new roles")
        if happens is H.VERIFICATION_FAILED and step is Step.MIGRATE and not world.written:
            return Undo(Reason.VALIDATION_FAILED, "wrong rows", Extent.UNCOMMITTED)
        if happens is H.VERIFICATION_FAILED and step is Step.VALIDATE:
            return Undo(Reason.VALIDATION_FAILED, "wrong rows", Extent.COMMITTED)
        world.work(step)
        if happens in AFTER_THE_WORK and step is not Step.ROLL_BACK:
            return outcome_of_error(world.phase, AFTER_THE_WORK[happens])
        if step is Step.CANCEL:
            return Undo(Reason.ROLLED_BACK_ON_REQUEST, "nothing written", Extent.UNCOMMITTED)
        world.verified |= step is Step.VALIDATE
        return Advance()


def agrees(world: World) -> None:
    """What must hold after every commit."""
    assert world.row_writes in ([], ["write"], ["write", "restore"])
    if world.phase is Phase.DONE:
        assert world.written
        assert world.verified
        assert not world.restored
    if world.phase is Phase.ROLLED_BACK:
        assert world.is_as_before
    if world.phase is Phase.FAILED:
        assert world.is_as_before or (world.reason is Reason.ROLLBACK_FAILED and world.active)
    if world.phase in TERMINAL and world.reason is not Reason.ROLLBACK_FAILED:
        assert not world.active
    if world.written and world.phase not in TERMINAL:
        assert world.active


def live(world: World, happenings: list[Happens]) -> World:
    """A run through everything that happens to it, and then undisturbed to its end."""
    operator = Operator(world)
    undisturbed = [H.RESUMED, *[H.NOTHING] * STEPS_TO_AN_END]
    for happens in [*happenings, *undisturbed]:
        try:
            operator.turn(happens)
        except Killed:
            operator = Operator(world, operator.suspension)
        agrees(world)
    return world


@settings(max_examples=400)
@given(st.lists(st.sampled_from(Happens), max_size=25))
def test_whatever_happens_a_run_comes_to_an_end_that_agrees_with_the_table(happenings: list[Happens]) -> None:
    world = live(World(), happenings)
    assert world.phase in TERMINAL
    if world.asked is RollbackRequest.REQUESTED:
        assert world.phase is not Phase.DONE


@pytest.mark.parametrize("happens", [h for h in Happens if h.name.startswith("KILLED")])
@pytest.mark.parametrize("at", range(6))
def test_one_kill_anywhere_changes_nothing_of_the_end(happens: Happens, at: int) -> None:
    world = live(World(), [*[H.NOTHING] * at, happens])
    assert (world.phase, world.row_writes) == (Phase.DONE, ["write"])


@pytest.mark.parametrize("happens", [h for h in Happens if h.name.startswith("KILLED")])
@pytest.mark.parametrize("at", range(8))
def test_one_kill_anywhere_on_the_way_back_changes_nothing_of_the_end(happens: Happens, at: int) -> None:
    there = [H.NOTHING] * 4
    back = [H.ROLLBACK_ASKED, *[H.NOTHING] * 3]
    happenings = [*there, *back]
    happenings.insert(at, happens)
    world = live(World(), happenings)
    assert (world.phase, world.row_writes) == (Phase.ROLLED_BACK, ["write", "restore"])


@pytest.mark.parametrize("happens", [H.ANSWER_TO_THE_COMMIT_LOST, H.BROKEN_AFTER_THE_COMMIT])
def test_a_write_whose_answer_was_lost_counts_as_what_the_ledger_says(happens: Happens) -> None:
    world = live(World(), [H.NOTHING, H.NOTHING, happens])
    assert (world.phase, world.row_writes) == (Phase.DONE, ["write"])


def test_a_write_whose_last_answer_was_lost_is_no_failed_run() -> None:
    lost = H.CONNECTION_LOST_BEFORE_THE_COMMIT
    world = live(World(), [H.NOTHING, H.NOTHING, *[lost] * POLICY.limit, H.ANSWER_TO_THE_COMMIT_LOST])
    assert world.phase is Phase.DONE


def test_a_write_that_never_commits_fails_with_the_table_as_before() -> None:
    lost = H.CONNECTION_LOST_BEFORE_THE_COMMIT
    world = live(World(), [H.NOTHING, H.NOTHING, *[lost] * (POLICY.limit + 1)])
    assert (world.phase, world.reason, world.row_writes) == (Phase.FAILED, Reason.RETRIES_EXHAUSTED, [])


def test_a_rollback_asked_for_while_suspended_is_done_at_once() -> None:
    operator = Operator(World())
    for happens in [H.NOTHING, H.NOTHING, H.SUSPENDED, H.ROLLBACK_ASKED]:
        operator.turn(happens)
    assert operator.world.phase is Phase.ROLLED_BACK


@given(st.lists(st.sampled_from([h for h in Happens if h is not H.RESUMED]), max_size=25))
def test_a_suspended_run_never_writes(happenings: list[Happens]) -> None:
    operator = Operator(World())
    operator.turn(H.SUSPENDED)
    for happens in happenings:
        try:
            operator.turn(happens)
        except Killed:
            operator = Operator(operator.world, Suspension.SUSPENDED)
    assert operator.world.row_writes == []


def test_a_failed_outcome_is_not_believed_against_a_committed_write() -> None:
    for outcome in (
        Fail(Reason.DATABASE_ERROR, "broken"),
        Replan(Reason.PLAN_CHANGED, "stale"),
        Undo(Reason.ROLLED_BACK_ON_REQUEST, "cancelled", Extent.UNCOMMITTED),
        outcome_of_error(Phase.MIGRATING, LOST),
        outcome_of_error(Phase.MIGRATING, HELD),
    ):
        assert isinstance(resolved(Phase.MIGRATING, outcome, WriteState.COMMITTED), Advance)
        assert resolved(Phase.MIGRATING, outcome, WriteState.NOT_COMMITTED) is outcome
