"""What people asked is not lost when a tool puts the field back before anybody has looked."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from roleshift.engine.requests import ApprovalWish, Requests, put_back_by_tools, with_earlier
from roleshift.engine.steps import RollbackRequest, Suspension
from support.engine_values import asks, manual

BACK = RollbackRequest.REQUESTED
H = "sha256:0123"


def test_what_stands_now_is_asked() -> None:
    assert with_earlier(asks(rollback=BACK), None) == asks(rollback=BACK)
    assert with_earlier(asks(rollback=BACK), asks()).rollback is BACK


def test_a_rollback_that_was_put_back_is_asked_by_whoever_asked_for_it() -> None:
    asked = asks(rollback=BACK, requested_by="ada", reason="wrong team")
    now = with_earlier(asks(requested_by="a tool"), asked)
    assert (now.rollback, now.requested_by, now.reason) == (BACK, "ada", "wrong team")
    assert with_earlier(asks(), now).rollback is BACK


def test_a_suspension_is_what_stands_now() -> None:
    """It has an annotation of its own, so that nobody needs to remember it."""
    assert with_earlier(asks(), asks(suspension=Suspension.SUSPENDED)).suspension is Suspension.RUNNING


def test_every_hash_that_stood_there_is_remembered_in_order() -> None:
    seen = asks(approval=manual())
    for plan_hash in (H, H, None):
        seen = with_earlier(asks(approval=manual(plan_hash)), seen)
    assert [wish.plan_hash for wish in seen.approvals] == [None, H, None]


def test_what_was_asked_of_another_spec_is_not_asked_of_this_one() -> None:
    other = asks(rollback=BACK, approval=manual(H), spec_hash="sha256:other")
    assert with_earlier(asks(approval=manual()), other) == asks(approval=manual())


_wishes = st.builds(
    asks,
    rollback=st.sampled_from(RollbackRequest),
    approval=st.sampled_from([None, H, "sha256:4567"]).map(manual),
    deleting=st.booleans(),
)


@given(st.lists(_wishes, min_size=1, max_size=40))
def test_however_often_it_is_put_back_a_rollback_stays_asked_for(history: list[Requests]) -> None:
    seen = None
    for wish in history:
        seen = with_earlier(wish, seen)
    assert seen is not None
    assert (seen.rollback is BACK) is any(wish.rollback is BACK for wish in history)
    assert seen.approval == history[-1].approval
    assert seen.deleting == history[-1].deleting
    assert seen.approvals[-1] == ApprovalWish(history[-1].approval.plan_hash)
    assert len(seen.approvals) <= 16


def test_the_fields_that_are_compared_may_all_be_missing() -> None:
    bodies: list[dict[str, Any]] = [{}, {"spec": None}, {"spec": {}}, {"spec": {"approval": None}}]
    assert {put_back_by_tools(body) for body in bodies} == {(None, None)}
    asked = {"spec": {"desiredState": "RolledBack", "approval": {"policy": "Manual", "planHash": H}}}
    assert put_back_by_tools(asked) == ("RolledBack", H)
