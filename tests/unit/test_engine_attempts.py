"""Whether an object begins a run, goes on with one, begins a new attempt, or must not do anything."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.api import CONCLUSIONS, Phase, RoleMigrationStatus
from roleshift.engine.attempts import Continuation, continuation, has_begun, is_known
from roleshift.engine.conditions import Activity, View
from roleshift.engine.projection import ObjectFacts, project, project_over
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.engine.steps import RollbackRequest, Suspension
from roleshift.errors import Reason
from support.engine_values import NOW, WRITE, asks, run_in

GO_ON, BEGIN = Continuation.GO_ON, Continuation.BEGIN
NEW, AGAIN, LOST = Continuation.NEW_ATTEMPT, Continuation.RESTORE_AGAIN, Continuation.LEDGER_LOST
WRITING = [
    Phase.BACKING_UP,
    Phase.MIGRATING,
    Phase.VALIDATING,
    Phase.DONE,
    Phase.ROLLING_BACK,
    Phase.ROLLED_BACK,
]
BEFORE = [Phase.PENDING, Phase.CHECKING, Phase.FAILED]
ABOUT = ObjectFacts(generation=1, previous=None, handled_reconcile=None)


def status_in(phase: Phase) -> RoleMigrationStatus:
    """The status of a run that a ledger knew."""
    return saying(phase, Reason.CHECKING)


def saying(phase: Phase, reason: Reason) -> RoleMigrationStatus:
    """The same with a reason."""
    return project(View(phase, Activity.WORKING, reason, "", run_in(phase)), ABOUT, NOW)


def lost_from(phase: Phase) -> RoleMigrationStatus:
    """What such a status becomes when its ledger is found to be gone."""
    view = View(Phase.FAILED, Activity.ENDED, Reason.LEDGER_LOST, "gone")
    return project_over(status_in(phase), view, ABOUT, NOW)


# No run in the ledger


def test_a_new_object_begins() -> None:
    assert continuation(None, asks(), None) is BEGIN
    assert continuation(None, asks(), RoleMigrationStatus()) is BEGIN


@pytest.mark.parametrize("phase", BEFORE)
def test_an_object_whose_run_had_written_nothing_begins_again(phase: Phase) -> None:
    assert continuation(None, asks(), status_in(phase)) is BEGIN


@pytest.mark.parametrize("phase", WRITING)
def test_an_object_whose_run_had_begun_to_write_has_lost_its_ledger(phase: Phase) -> None:
    assert continuation(None, asks(), status_in(phase)) is LOST


@pytest.mark.parametrize("phase", WRITING)
def test_a_lost_ledger_stays_lost_until_a_person_says_otherwise(phase: Phase) -> None:
    for wish in (asks(), asks(suspension=Suspension.SUSPENDED), asks(rollback=RollbackRequest.REQUESTED)):
        assert continuation(None, wish, lost_from(phase)) is LOST
    assert continuation(None, asks(retry_token="now"), lost_from(phase)) is BEGIN


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        ((NOW - timedelta(days=1)).isoformat(), LOST),
        (NOW.isoformat(), LOST),
        ((NOW + timedelta(seconds=1)).isoformat(), BEGIN),
        ("2026-11-23T12:00:01Z", BEGIN),
        ("2026-11-23T11:59:59Z", LOST),
        ("please", BEGIN),
    ],
)
def test_only_a_retry_asked_for_since_the_run_began_excuses_a_lost_ledger(
    token: str, answer: Continuation
) -> None:
    assert continuation(None, asks(retry_token=token), status_in(Phase.DONE)) is answer


# A run in the ledger


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.FAILED])
def test_a_run_goes_on_whatever_becomes_of_what_it_is_judged_by(phase: Phase) -> None:
    assert continuation(run_in(phase), asks(manifest_hash="sha256:other"), None) is GO_ON


@pytest.mark.parametrize(
    "phase", [phase for phase in Phase if phase not in (Phase.FAILED, Phase.ROLLED_BACK)]
)
def test_a_retry_of_a_run_that_has_not_come_back_changes_nothing(phase: Phase) -> None:
    assert continuation(run_in(phase), asks(retry_token="1"), None) is GO_ON


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.ROLLED_BACK])
def test_a_new_retry_begins_a_new_attempt_once(phase: Phase) -> None:
    assert continuation(run_in(phase), asks(retry_token="1"), None) is NEW
    assert continuation(run_in(phase, retry_token="1"), asks(retry_token="1"), None) is GO_ON
    assert continuation(run_in(phase, retry_token="1"), asks(retry_token="2"), None) is NEW
    assert continuation(run_in(phase, retry_token="1"), asks(), None) is GO_ON


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.ROLLED_BACK])
def test_nobody_retries_while_the_old_state_is_wanted(phase: Phase) -> None:
    wish = asks(retry_token="1", rollback=RollbackRequest.REQUESTED)
    assert continuation(run_in(phase), wish, None) is GO_ON


def test_a_mended_manifest_begins_a_new_attempt_of_a_run_that_failed_before_it_wrote() -> None:
    mended = asks(manifest_hash="sha256:mended")
    assert continuation(run_in(Phase.FAILED), mended, None) is NEW
    assert continuation(run_in(Phase.FAILED, write=WRITE), mended, None) is GO_ON
    assert continuation(run_in(Phase.FAILED), asks(), None) is GO_ON


@pytest.mark.parametrize("rollback", RollbackRequest)
def test_a_rollback_that_failed_is_tried_again_and_never_run_anew(rollback: RollbackRequest) -> None:
    stuck = run_in(Phase.FAILED, active=True, write=WRITE, retry_token="1")
    assert continuation(stuck, asks(retry_token="2", rollback=rollback), None) is AGAIN
    assert continuation(stuck, asks(retry_token="1", rollback=rollback), None) is GO_ON
    assert continuation(stuck, asks(manifest_hash="sha256:mended", rollback=rollback), None) is GO_ON


_runs = st.builds(
    run_in,
    st.sampled_from(Phase),
    active=st.booleans(),
    write=st.sampled_from([None, WRITE]),
    retry_token=st.sampled_from(["", "1", "2"]),
)
_wishes = st.builds(
    asks,
    manifest_hash=st.sampled_from(["sha256:manifest", "sha256:other"]),
    retry_token=st.sampled_from(["", "1", "2"]),
    rollback=st.sampled_from(RollbackRequest),
    deleting=st.booleans(),
)


@given(_runs, _wishes, st.sampled_from([None, *map(status_in, Phase)]))
def test_the_ledger_decides_and_the_status_does_not(
    run: RunRecord, wish: Requests, status: RoleMigrationStatus | None
) -> None:
    assert continuation(run, wish, status) is continuation(run, wish, None)


@given(_runs, _wishes)
def test_a_run_that_occupies_its_table_is_never_replaced(run: RunRecord, wish: Requests) -> None:
    if run.active and run.write is not None:
        assert continuation(run, wish, None) in (GO_ON, AGAIN)


# What the status says


@pytest.mark.parametrize(("phase", "known"), list(itertools.product(Phase, [True, False])))
def test_a_run_has_begun_when_the_status_names_one_that_may_have_written(phase: Phase, known: bool) -> None:
    status = status_in(phase) if known else RoleMigrationStatus(phase=phase)
    assert is_known(status) is known
    assert has_begun(status) is (known and phase in WRITING)


def test_no_status_speaks_of_no_run() -> None:
    assert not is_known(None)
    assert not has_begun(None)


@pytest.mark.parametrize("reason", CONCLUSIONS)
def test_a_dry_run_or_a_rehearsal_that_is_done_never_began_to_write(reason: Reason) -> None:
    status = saying(Phase.DONE, reason)
    assert not has_begun(status)
    assert continuation(None, asks(), status) is BEGIN
    assert has_begun(saying(Phase.DONE, Reason.MIGRATION_COMPLETED))
