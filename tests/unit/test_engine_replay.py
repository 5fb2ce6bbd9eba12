"""Every interrupted transition, replayed: a run is stopped before and after each commit and asked again.

Whatever happens to a run on its way, it comes to an end that agrees with the table.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Extent, Fail, Replan, Undo
from roleshift.engine.settlement import outcome_of_error, resolved
from roleshift.engine.steps import RollbackRequest, Suspension, WriteState
from roleshift.engine.transitions import TERMINAL
from roleshift.errors import Reason
from support.engine_values import manual
from support.replay import HELD, LOST, POLICY, H, Happens, Killed, Operator, World, live


@settings(max_examples=400)
@given(st.lists(st.sampled_from(Happens), max_size=25))
def test_whatever_happens_a_run_comes_to_an_end_that_agrees_with_the_table(happenings: list[Happens]) -> None:
    world = live(World(), happenings)
    assert world.phase in TERMINAL
    if world.asked is RollbackRequest.REQUESTED:
        assert world.phase is not Phase.DONE


@settings(max_examples=400)
@given(st.lists(st.sampled_from(Happens), max_size=25))
def test_whatever_happens_only_an_approved_plan_is_written(happenings: list[Happens]) -> None:
    world = live(World(wants=manual()), happenings)
    assert world.phase in TERMINAL
    if world.written:
        assert world.approval is not None
        assert world.approval.plan_hash == world.plan_of_the_table.hash


@given(st.lists(st.sampled_from([h for h in Happens if h is not H.PLAN_APPROVED]), max_size=25))
def test_a_run_that_nobody_approves_never_writes_and_never_ends_by_itself(happenings: list[Happens]) -> None:
    operator = Operator(World(wants=manual()))
    for happens in happenings:
        try:
            operator.turn(happens)
        except Killed:
            operator = Operator(operator.world, operator.suspension)
    assert operator.world.row_writes == []
    if not {H.ROLLBACK_ASKED, H.BROKEN, H.BROKEN_AFTER_THE_COMMIT} & {*happenings}:
        assert operator.world.phase is Phase.CHECKING


@pytest.mark.parametrize("happens", [h for h in Happens if h.name.startswith("KILLED")])
@pytest.mark.parametrize("at", range(8))
def test_one_kill_loses_no_approval(happens: Happens, at: int) -> None:
    """Seen once and put back at once, it counts."""
    happenings = [H.NOTHING, H.PLAN_APPROVED, H.APPROVAL_PUT_BACK, *[H.NOTHING] * 6]
    happenings.insert(at, happens)
    world = World(wants=manual())
    operator = Operator(world)
    for one in happenings:
        try:
            operator.turn(one)
        except Killed:
            operator = Operator(world)
    assert (world.phase, world.row_writes) == (Phase.DONE, ["write"])


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
