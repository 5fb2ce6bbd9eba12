"""Whether an object begins a run, goes on with one, begins a new attempt, or must not do anything."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.api import CONCLUSIONS, Phase, RoleMigrationStatus
from roleshift.engine.attempts import (
    Continuation,
    carried_hash,
    clears_the_way,
    continuation,
    has_begun,
    is_at_rest,
    is_known,
    refused_retry,
)
from roleshift.engine.conditions import Activity, View
from roleshift.engine.projection import ObjectFacts, project, project_over
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.engine.steps import RollbackRequest, Suspension
from roleshift.errors import Reason
from support.engine_values import NOW, PLAN, WRITE, approved, asks, manual, run_in

GO_ON, BEGIN = Continuation.GO_ON, Continuation.BEGIN
NEW, AGAIN, LOST = Continuation.NEW_ATTEMPT, Continuation.RESTORE_AGAIN, Continuation.LEDGER_LOST
FOREIGN, FORGET = Continuation.FOREIGN_RUN, Continuation.FORGET
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


def lost_from(phase: Phase, reason: Reason = Reason.LEDGER_LOST) -> RoleMigrationStatus:
    """What such a status becomes when its run is not there, or was copied from elsewhere."""
    view = View(Phase.FAILED, Activity.ENDED, reason, "gone")
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


@pytest.mark.parametrize("phase", WRITING)
def test_a_copied_run_whose_connection_leads_nowhere_next_has_lost_its_ledger(phase: Phase) -> None:
    assert continuation(None, asks(), lost_from(phase, Reason.FOREIGN_RUN)) is LOST


# A run that was copied here

_BEFORE, _AFTER = (NOW - timedelta(days=1)).isoformat(), (NOW + timedelta(days=1)).isoformat()


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("active", [True, False])
def test_a_copied_run_is_foreign_whatever_is_asked_until_it_is_forgotten(phase: Phase, active: bool) -> None:
    copied = run_in(phase, copied=True, active=active)
    for wish in (
        asks(),
        asks(retry_token="now"),
        asks(rollback=RollbackRequest.REQUESTED),
        asks(manifest_hash="sha256:mended"),
        asks(deleting=True, forget_token=_AFTER),
    ):
        assert continuation(copied, wish, None) is FOREIGN
        assert not is_at_rest(FOREIGN, copied, replace(wish, deleting=False))
    assert continuation(copied, asks(forget_token=_AFTER), None) is FORGET


@pytest.mark.parametrize(("token", "answer"), [(_BEFORE, FOREIGN), (_AFTER, FORGET), ("please", FORGET)])
def test_an_old_wish_to_forget_is_not_about_this_copy(token: str, answer: Continuation) -> None:
    assert continuation(run_in(Phase.DONE, copied=True), asks(forget_token=token), None) is answer


def test_a_wish_to_forget_is_acted_on_once() -> None:
    again = run_in(Phase.DONE, copied=True, forget_token=_AFTER)
    assert continuation(again, asks(forget_token=_AFTER), None) is FOREIGN
    elsewhere = status_in(Phase.DONE).model_copy(update={"start_time": NOW + timedelta(days=2)})
    assert continuation(run_in(Phase.DONE, copied=True), asks(forget_token=_AFTER), elsewhere) is FOREIGN


def test_a_run_of_this_database_clears_its_way_once() -> None:
    assert not clears_the_way(run_in(Phase.CHECKING), asks())
    assert clears_the_way(run_in(Phase.CHECKING), asks(forget_token="1"))
    assert not clears_the_way(run_in(Phase.CHECKING, forget_token="1"), asks(forget_token="1"))


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


STOPPED = {"reason": Reason.ROLLED_BACK_ON_REQUEST, "rollback_requested_at": None, "write": None}


def test_a_run_that_ended_with_its_object_before_it_wrote_begins_anew_with_the_next_object() -> None:
    stopped = run_in(Phase.ROLLED_BACK, **STOPPED)
    assert continuation(stopped, asks(), None) is NEW
    assert continuation(stopped, asks(deleting=True), None) is GO_ON
    assert continuation(stopped, asks(rollback=RollbackRequest.REQUESTED), None) is GO_ON


@pytest.mark.parametrize(
    "change",
    [{"reason": Reason.VALIDATION_FAILED}, {"rollback_requested_at": NOW}, {"write": WRITE}],
    ids=["rolled back by itself", "on request", "after its write"],
)
def test_a_run_that_came_back_stays_back_when_git_creates_its_object_again(change: dict[str, object]) -> None:
    assert continuation(run_in(Phase.ROLLED_BACK, **{**STOPPED, **change}), asks(), None) is GO_ON


@pytest.mark.parametrize("phase", Phase)
def test_only_an_end_that_nobody_wants_undone_is_rest(phase: Phase) -> None:
    ended = phase in (Phase.DONE, Phase.ROLLED_BACK, Phase.FAILED)
    assert is_at_rest(GO_ON, run_in(phase), asks()) is ended
    back = asks(rollback=RollbackRequest.REQUESTED)
    assert is_at_rest(GO_ON, run_in(phase), back) is (ended and phase is not Phase.DONE)
    latched = run_in(phase, rollback_requested_at=NOW)
    assert is_at_rest(GO_ON, latched, asks()) is (ended and phase is not Phase.DONE)
    assert not is_at_rest(NEW, run_in(phase), asks())


# What is said of a retry that can't be


def test_a_retry_that_begins_nothing_is_refused_with_a_word() -> None:
    back = asks(retry_token="1", rollback=RollbackRequest.REQUESTED)
    for phase in (Phase.ROLLED_BACK, Phase.FAILED):
        assert "spec.desiredState is RolledBack" in refused_retry(run_in(phase), back)
        assert refused_retry(run_in(phase, retry_token="1"), back) == ""
    assert "only a Failed or RolledBack run" in refused_retry(run_in(Phase.DONE), asks(retry_token="1"))
    assert refused_retry(run_in(Phase.DONE, retry_token="1"), asks(retry_token="1")) == ""
    assert refused_retry(run_in(Phase.DONE), asks()) == ""


# An approval never carries over

H = "sha256:0123"


def test_an_approval_that_an_earlier_attempt_had_is_carried_and_not_given() -> None:
    stands = asks(approval=manual(H))
    assert carried_hash(run_in(Phase.FAILED, approval=approved(replace(PLAN, hash=H))), stands, None) == H
    assert carried_hash(run_in(Phase.FAILED, carried_hash=H), stands, None) == H
    assert carried_hash(run_in(Phase.FAILED, approval=approved()), stands, None) == ""
    assert carried_hash(run_in(Phase.FAILED), stands, None) == ""
    assert carried_hash(run_in(Phase.FAILED, approval=approved()), asks(approval=manual()), None) == ""


def test_where_the_ledger_knows_no_earlier_attempt_the_status_tells_its_plan() -> None:
    planned = View(
        Phase.DONE, Activity.ENDED, Reason.CHECKING, "", run_in(Phase.DONE, plan=replace(PLAN, hash=H))
    )
    status = project(planned, ABOUT, NOW)
    assert carried_hash(None, asks(approval=manual(H)), status) == H
    assert carried_hash(None, asks(approval=manual("sha256:4567")), status) == ""
    assert carried_hash(None, asks(approval=manual(H)), None) == ""


_runs = st.builds(
    run_in,
    st.sampled_from(Phase),
    active=st.booleans(),
    write=st.sampled_from([None, WRITE]),
    retry_token=st.sampled_from(["", "1", "2"]),
    reason=st.sampled_from([Reason.ROLLED_BACK_ON_REQUEST, Reason.CHECKING]),
    rollback_requested_at=st.sampled_from([None, NOW]),
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
