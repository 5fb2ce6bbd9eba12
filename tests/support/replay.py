"""A run that is stopped before and after each commit and asked again: what stays, what dies.

The world is what a database keeps: it changes by commits only.
"""

from dataclasses import dataclass, field, replace
from enum import Enum, auto

from roleshift.api import Approval, ApprovalPolicy, Phase
from roleshift.engine import approval
from roleshift.engine.outcome import Advance, Extent, Outcome, Replan, Undo
from roleshift.engine.plan import Plan
from roleshift.engine.run import ApprovalRecord, RunRecord
from roleshift.engine.settlement import RetryPolicy, Settlement, outcome_of_error, resolved, settle
from roleshift.engine.steps import RollbackRequest, Situation, Step, Suspension, WriteState, next_step
from roleshift.engine.transitions import TERMINAL
from roleshift.errors import DatabaseError, Reason
from support.engine_values import PLAN, approved, manual, run_in

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
    NEW_ROLES = auto()
    PLAN_APPROVED = auto()
    APPROVAL_PUT_BACK = auto()


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
    wants: Approval = field(default_factory=Approval)
    roles: int = 0
    plan: Plan | None = None
    approval: ApprovalRecord | None = None

    @property
    def record(self) -> RunRecord:
        """The ledger's row, as far as an approval is about it."""
        return run_in(self.phase, plan=self.plan, approval=self.approval)

    @property
    def plan_of_the_table(self) -> Plan:
        """The plan that the roles in the table would give now."""
        return replace(PLAN, hash=f"sha256:roles{self.roles:03}")

    @property
    def write(self) -> WriteState:
        return WriteState.COMMITTED if self.written else WriteState.NOT_COMMITTED

    @property
    def is_as_before(self) -> bool:
        return not self.written or self.restored

    def work(self, step: Step) -> None:
        """The commit of a step's own transaction; done once, however often it is asked for."""
        if step is Step.CHECK:
            self.plan = self.plan_of_the_table
        elif step is Step.BACK_UP:
            self.image = True
        elif step is Step.CANCEL:
            self.image = False
        elif step is Step.MIGRATE and not self.written:
            assert self.image, "a write without an image"
            assert self.plan == self.plan_of_the_table, "a write by an older plan"
            assert approval.awaited(self.record, self.wants, 0) is None, "a write that nobody approved"
            self.written = True
            self.row_writes.append("write")
        elif step is Step.ROLL_BACK and self.phase is Phase.ROLLING_BACK and not self.restored:
            assert self.image, "a restore without an image"
            self.restored = True
            self.row_writes.append("restore")

    def latch(self) -> None:
        """The commit of an approval that is seen."""
        if self.plan is not None and approval.is_new(self.record, self.wants):
            self.approval = approved(self.plan)

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
        elif happens is H.NEW_ROLES and not self.world.written:
            self.world.roles += 1
        elif self.world.wants.policy is ApprovalPolicy.MANUAL:
            self._hear_of_approval(happens)
        self.world.latch()

    def _hear_of_approval(self, happens: Happens) -> None:
        if happens is H.PLAN_APPROVED and self.world.plan is not None:
            self.world.wants = manual(self.world.plan.hash)
        elif happens is H.APPROVAL_PUT_BACK:
            self.world.wants = manual()

    def _outcome(self, step: Step, happens: Happens) -> Outcome:
        world = self.world
        if step is Step.ROLL_BACK and world.phase is not Phase.ROLLING_BACK:
            return Undo(Reason.ROLLED_BACK_ON_REQUEST, "asked", Extent.COMMITTED)
        if happens in BEFORE_THE_WORK:
            return outcome_of_error(world.phase, BEFORE_THE_WORK[happens])
        is_stale = happens is H.PLAN_STALE or world.plan != world.plan_of_the_table
        if is_stale and step in (Step.BACK_UP, Step.MIGRATE) and not world.written:
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
        return self._approved() if step is Step.CHECK else Advance()

    def _approved(self) -> Outcome:
        self.world.latch()
        return approval.awaited(self.world.record, self.world.wants, 1) or Advance()


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
    undisturbed = [H.RESUMED, *[H.NOTHING, H.PLAN_APPROVED] * STEPS_TO_AN_END]
    for happens in [*happenings, *undisturbed]:
        try:
            operator.turn(happens)
        except Killed:
            operator = Operator(world, operator.suspension)
        agrees(world)
    return world
