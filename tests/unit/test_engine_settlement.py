"""What becomes of a run after an outcome: phase, reason, attempts, pauses, limits."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Extent, Fail, Outcome, Replan, Retry, Undo, Wait
from roleshift.engine.settlement import (
    WORKING_REASONS,
    RetryPolicy,
    Settlement,
    given_up,
    outcome_of_error,
    resolved,
    settle,
)
from roleshift.engine.steps import WriteState
from roleshift.engine.transitions import BEFORE_FIRST_WRITE, TERMINAL, IllegalTransition
from roleshift.engine.waiting import WAIT_LIMIT_SECONDS, pause_before_retry, pause_while_waiting
from roleshift.errors import DatabaseError, Reason

POLICY = RetryPolicy(limit=3, backoff_seconds=10, max_backoff_seconds=60)
WRITING = [Phase.BACKING_UP, Phase.MIGRATING, Phase.ROLLING_BACK]
OCCUPYING = {*WRITING, Phase.VALIDATING}
UNDERWAY = [phase for phase in Phase if phase not in TERMINAL]


def error(reason: Reason, *, retryable: bool) -> DatabaseError:
    return DatabaseError(reason, "what happened", retryable=retryable)


LOST = error(Reason.CONNECTION_LOST, retryable=True)
HELD = error(Reason.LOCK_TIMEOUT, retryable=True)
BROKEN = error(Reason.CONSTRAINT_VIOLATED, retryable=False)


def settled(phase: Phase, outcome: Outcome, attempts: int = 0, looks: int = 0) -> Settlement:
    return settle(phase, outcome, attempts=attempts, looks=looks, policy=POLICY)


# Moving


@pytest.mark.parametrize(
    ("phase", "to"),
    [
        (Phase.PENDING, Phase.CHECKING),
        (Phase.CHECKING, Phase.BACKING_UP),
        (Phase.BACKING_UP, Phase.MIGRATING),
        (Phase.MIGRATING, Phase.VALIDATING),
        (Phase.VALIDATING, Phase.DONE),
        (Phase.ROLLING_BACK, Phase.ROLLED_BACK),
    ],
)
def test_what_is_finished_goes_on_at_once_with_fresh_attempts(phase: Phase, to: Phase) -> None:
    found = settled(phase, Advance("done"), attempts=2)
    assert (found.phase, found.reason, found.message) == (to, WORKING_REASONS[to], "done")
    assert (found.attempts, found.waiting) == (0, False)
    assert found.pause == (None if to in TERMINAL else 0.0)


def test_every_phase_that_can_be_advanced_to_has_a_reason() -> None:
    assert set(WORKING_REASONS) == set(Phase) - {Phase.FAILED}


@given(st.sampled_from(Phase), st.sampled_from(Reason), st.integers(0, 9))
def test_a_run_ends_exactly_in_the_terminal_phases(phase: Phase, reason: Reason, attempts: int) -> None:
    undoing = [Undo(reason, "", extent) for extent in Extent]
    outcomes: list[Outcome] = [Advance(), Replan(reason, ""), Fail(reason, ""), *undoing]
    for outcome in outcomes:
        try:
            found = settled(phase, outcome, attempts)
        except IllegalTransition:
            continue
        assert found.ended is (found.phase in TERMINAL)
        assert (found.pause is None) is found.ended


@given(st.sampled_from(UNDERWAY), st.integers(0, 9))
def test_a_run_occupies_its_table_from_its_image_to_its_end(phase: Phase, attempts: int) -> None:
    for outcome in (Advance(), Wait(Reason.LOCK_TIMEOUT, ""), Retry(LOST), Fail(Reason.DATABASE_ERROR, "")):
        try:
            found = settled(phase, outcome, attempts)
        except IllegalTransition:
            continue
        assert found.active is (found.phase in OCCUPYING)


def test_a_rollback_that_failed_still_occupies_its_table() -> None:
    found = settled(Phase.ROLLING_BACK, outcome_of_error(Phase.ROLLING_BACK, BROKEN))
    assert (found.phase, found.reason) == (Phase.FAILED, Reason.ROLLBACK_FAILED)
    assert found.active
    assert found.ended
    assert "kubectl annotate" in found.message


# Attempts


@pytest.mark.parametrize("phase", [Phase.BACKING_UP, Phase.MIGRATING])
def test_attempts_are_counted_with_growing_pauses_until_the_limit(phase: Phase) -> None:
    attempts, pauses = 0, []
    while not (found := settled(phase, Retry(LOST), attempts)).ended:
        assert (found.phase, found.reason, found.attempts) == (phase, Reason.CONNECTION_LOST, attempts + 1)
        assert not found.waiting
        attempts = found.attempts
        pauses.append(found.pause)
    assert pauses == [10, 20, 40]
    assert (found.phase, found.reason) == (Phase.FAILED, Reason.RETRIES_EXHAUSTED)
    assert "ConnectionLost" in found.message


def test_without_attempts_the_first_failure_is_the_last() -> None:
    policy = RetryPolicy(limit=0, backoff_seconds=1, max_backoff_seconds=1)
    found = settle(Phase.MIGRATING, Retry(LOST), attempts=0, looks=0, policy=policy)
    assert found.reason is Reason.RETRIES_EXHAUSTED


@given(st.integers(0, 10_000))
def test_a_rollback_never_runs_out_of_attempts(attempts: int) -> None:
    found = settled(Phase.ROLLING_BACK, Retry(LOST), attempts)
    assert found.phase is Phase.ROLLING_BACK
    assert found.pause is not None
    assert 0 < found.pause <= POLICY.max_backoff_seconds


# Waiting


@given(st.sampled_from(UNDERWAY), st.integers(0, 10_000), st.integers(0, 3))
def test_waiting_is_no_attempt_and_never_ends_a_run(phase: Phase, looks: int, attempts: int) -> None:
    found = settled(phase, Wait(Reason.LOCK_TIMEOUT, "held"), attempts, looks)
    assert (found.phase, found.attempts, found.waiting, found.ended) == (phase, attempts, True, False)
    assert found.pause is not None
    assert 0 < found.pause <= POLICY.max_backoff_seconds


def test_the_pauses_of_a_wait_grow_to_the_maximum() -> None:
    wait = Wait(Reason.LOCK_TIMEOUT, "held")
    assert [settled(Phase.CHECKING, wait, looks=n).pause for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_wait_that_knows_its_end_is_waited_for() -> None:
    assert settled(Phase.CHECKING, Wait(Reason.SUSPENDED, "", after=3600), looks=9).pause == 3600


@given(st.integers(0, 10**6), st.floats(0.1, 100), st.floats(0.1, 1000))
def test_pauses_are_bounded_and_never_shrink(number: int, base: float, maximum: float) -> None:
    assert 0 < pause_before_retry(number, base, maximum) <= maximum
    assert pause_before_retry(number, base, maximum) <= pause_before_retry(number + 1, base, maximum)
    assert pause_while_waiting(number, maximum) <= maximum


@pytest.mark.parametrize("phase", Phase)
def test_a_wait_of_a_day_ends_a_run_that_has_written_nothing(phase: Phase) -> None:
    wait = Wait(Reason.SECRET_NOT_FOUND, "create it")
    assert given_up(phase, wait, WAIT_LIMIT_SECONDS - 1) is wait
    outcome = given_up(phase, wait, WAIT_LIMIT_SECONDS)
    if phase not in BEFORE_FIRST_WRITE:
        assert outcome is wait
        return
    assert isinstance(outcome, Fail)
    assert outcome.reason is Reason.WAITED_TOO_LONG
    assert "24 hours" in outcome.message
    assert "SecretNotFound" in outcome.message


@given(st.sampled_from(Phase), st.floats(0, 100 * WAIT_LIMIT_SECONDS))
def test_a_wait_for_a_persons_approval_has_no_end(phase: Phase, waited: float) -> None:
    wait = Wait(Reason.WAITING_FOR_APPROVAL, "read the plan", after=300)
    assert given_up(phase, wait, waited) is wait
    found = settled(Phase.CHECKING, wait, attempts=2, looks=9)
    assert (found.phase, found.attempts, found.pause) == (Phase.CHECKING, 2, 300)
    assert found.waiting
    assert not found.active


@pytest.mark.parametrize("outcome", [Advance(), Retry(LOST), Fail(Reason.DATABASE_ERROR, "")])
def test_only_waits_are_given_up(outcome: Outcome) -> None:
    assert given_up(Phase.CHECKING, outcome, 10 * WAIT_LIMIT_SECONDS) is outcome


# Errors


@pytest.mark.parametrize(("phase", "reason"), list(itertools.product(UNDERWAY, Reason)))
def test_what_can_heal_never_ends_a_run(phase: Phase, reason: Reason) -> None:
    outcome = outcome_of_error(phase, error(reason, retryable=True))
    assert isinstance(outcome, Wait | Retry)
    assert isinstance(outcome, Wait) or phase in WRITING


@pytest.mark.parametrize("phase", WRITING)
def test_a_lost_connection_counts_as_an_attempt_and_a_held_lock_does_not(phase: Phase) -> None:
    assert outcome_of_error(phase, LOST) == Retry(LOST)
    assert isinstance(outcome_of_error(phase, HELD), Wait)


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.CHECKING, Phase.BACKING_UP, Phase.MIGRATING])
def test_what_cannot_heal_ends_a_run_that_has_changed_nothing(phase: Phase) -> None:
    assert outcome_of_error(phase, BROKEN) == Fail(Reason.CONSTRAINT_VIOLATED, "what happened")


def test_after_the_write_what_cannot_heal_waits_for_a_person() -> None:
    waits = Wait(Reason.CONSTRAINT_VIOLATED, "what happened")
    assert outcome_of_error(Phase.VALIDATING, BROKEN) == waits


# The ledger's word


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.MIGRATING])
def test_outside_the_write_an_outcome_stands(phase: Phase) -> None:
    outcome = Fail(Reason.DATABASE_ERROR, "")
    assert resolved(phase, outcome, WriteState.COMMITTED) is outcome


def test_a_committed_write_that_is_to_come_back_comes_back() -> None:
    undo = Undo(Reason.ROLLED_BACK_ON_REQUEST, "asked", Extent.COMMITTED)
    assert resolved(Phase.MIGRATING, undo, WriteState.COMMITTED) is undo


@given(
    st.sampled_from(
        [
            Fail(Reason.DATABASE_ERROR, ""),
            Retry(LOST),
            Wait(Reason.LOCK_TIMEOUT, ""),
            Replan(Reason.PLAN_CHANGED, ""),
            Undo(Reason.VALIDATION_FAILED, "", Extent.UNCOMMITTED),
        ]
    ),
    st.integers(0, 9),
)
def test_a_committed_write_is_validated_whatever_the_phase_says(outcome: Outcome, attempts: int) -> None:
    found = settled(Phase.MIGRATING, resolved(Phase.MIGRATING, outcome, WriteState.COMMITTED), attempts)
    assert (found.phase, found.active) == (Phase.VALIDATING, True)
