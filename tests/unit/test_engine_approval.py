"""Whether a plan is approved: by policy, by the hash that the manifest names, for that plan only."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as given_by_hypothesis
from hypothesis import strategies as st

from roleshift.api import Approval, Phase, parse_migration
from roleshift.engine.approval import awaited, difference, given, is_new, latched, was_taken_out
from roleshift.engine.mapping import Cell
from roleshift.engine.plan import AddColumn, Plan
from roleshift.engine.requests import ApprovalWish, Requests, requests_of
from roleshift.engine.run import ApprovalRecord, RunRecord
from roleshift.engine.transitions import BEFORE_FIRST_WRITE
from roleshift.errors import Reason
from support.engine_values import PLAN, PROOF, SHAPE, approved, asks, manual, run_in
from support.migrations import SPEC

PAUSE = 300.0
OTHER = replace(PLAN, hash="sha256:other")
PLANNED = run_in(Phase.CHECKING, plan=PLAN)


def planned(approval: ApprovalRecord | None = None, plan: Plan | None = PLAN) -> RunRecord:
    return replace(PLANNED, plan=plan, approval=approval)


def message(run: RunRecord, approval: Approval) -> str:
    """What a run says that waits."""
    waits = awaited(run, approval, PAUSE)
    assert waits is not None
    assert (waits.reason, waits.after) == (Reason.WAITING_FOR_APPROVAL, PAUSE)
    return waits.message


def of_manifest(approval: dict[str, Any]) -> Approval:
    manifest = {
        "apiVersion": "roleshift.dev/v1alpha1",
        "kind": "RoleMigration",
        "metadata": {"name": "x", "namespace": "people", "uid": "1"},
        "spec": {**SPEC, "approval": approval},
    }
    return requests_of(parse_migration(manifest)).approval


# What a manifest asks


def test_a_manifest_approves_the_plan_whose_hash_it_names() -> None:
    assert of_manifest({}) == Approval()
    assert of_manifest({"policy": "Manual"}) == manual()
    assert of_manifest({"policy": "Manual", "planHash": "sha256:01234567"}) == manual("sha256:01234567")


# Latching


@pytest.mark.parametrize("phase", Phase)
def test_an_approval_is_latched_once_and_before_the_first_write(phase: Phase) -> None:
    run = replace(planned(), phase=phase)
    assert is_new(run, manual(PLAN.hash)) is (phase in BEFORE_FIRST_WRITE)
    assert not is_new(replace(run, approval=approved()), manual(PLAN.hash))


def test_only_the_hash_of_the_plan_that_is_there_is_latched() -> None:
    assert not is_new(planned(), manual())
    assert not is_new(planned(), manual(OTHER.hash))
    assert not is_new(planned(plan=None), manual(PLAN.hash))
    assert not is_new(planned(), Approval())


def test_a_second_plan_is_approved_after_a_first_one() -> None:
    changed = planned(approved(PLAN), OTHER)
    assert latched(changed) is None
    assert is_new(changed, manual(OTHER.hash))


# Approvals that a tool puts back, and those of an attempt before this one


def wishes(*hashes: str | None) -> Requests:
    """A manual approval whose field had those values one after the other."""
    return asks(
        approval=manual(hashes[-1]), approvals=tuple(ApprovalWish(one, f"by {one}") for one in hashes)
    )


def test_an_approval_counts_that_was_put_back_before_anybody_looked() -> None:
    assert given(planned(), wishes(None, PLAN.hash, None)) == ApprovalWish(PLAN.hash, f"by {PLAN.hash}")
    assert given(planned(), wishes(None, OTHER.hash, None)) is None
    assert given(planned(approved()), wishes(PLAN.hash)) is None


def test_an_approval_of_an_earlier_attempt_counts_once_it_was_taken_out_and_set_again() -> None:
    carried = replace(planned(), carried_hash=PLAN.hash)
    for hashes in [(PLAN.hash,), (PLAN.hash, PLAN.hash), (PLAN.hash, None), (OTHER.hash,)]:
        assert given(carried, wishes(*hashes)) is None
    assert given(carried, wishes(PLAN.hash, None, PLAN.hash)) is not None
    assert given(carried, wishes(OTHER.hash, PLAN.hash)) is not None


def test_it_is_noted_that_an_approval_of_an_earlier_attempt_was_taken_out() -> None:
    carried = replace(planned(), carried_hash=PLAN.hash)
    assert was_taken_out(carried, wishes(None))
    assert was_taken_out(carried, wishes(PLAN.hash, OTHER.hash, PLAN.hash))
    assert not was_taken_out(carried, wishes(PLAN.hash))
    assert not was_taken_out(planned(), wishes(None))


def test_a_plan_whose_approval_is_of_an_earlier_attempt_says_so_and_how_to_approve_it_again() -> None:
    said = message(replace(planned(), carried_hash=PLAN.hash), manual(PLAN.hash))
    assert said == (
        "the plan sha256:plan waits for a person: it was approved for an attempt before this one, and that "
        "does not count again; read status.plan, then run: roleshift approve seniority -n people; or take "
        "spec.approval.planHash out, and set it again once that was seen"
    )
    assert "set spec.approval.planHash to this hash" in message(
        replace(planned(), carried_hash=PLAN.hash), manual()
    )


@given_by_hypothesis(
    st.lists(st.sampled_from([None, PLAN.hash, OTHER.hash]), min_size=1, max_size=5),
    st.sampled_from(["", PLAN.hash, OTHER.hash]),
)
def test_what_was_carried_never_approves_and_what_was_set_anew_does(
    hashes: list[str | None], carried: str
) -> None:
    anew = hashes.copy()
    while anew and anew[0] == carried:
        anew.pop(0)
    found = given(replace(planned(), carried_hash=carried), wishes(*hashes))
    assert (found is not None) is (PLAN.hash in anew)


# Waiting


def test_nobody_is_asked_where_the_policy_is_automatic() -> None:
    assert awaited(planned(), Approval(), PAUSE) is None


def test_a_plan_that_was_approved_goes_on_whatever_the_field_says_now() -> None:
    for field in (manual(PLAN.hash), manual(), manual(OTHER.hash)):
        assert awaited(planned(approved()), field, PAUSE) is None


def test_a_plan_that_nobody_approved_says_its_hash_and_the_two_ways() -> None:
    assert message(planned(), manual()) == (
        "the plan sha256:plan waits for a person: read status.plan, then set spec.approval.planHash to this "
        "hash, or run: roleshift approve seniority -n people"
    )


def test_the_hash_of_a_plan_that_was_never_here_is_named() -> None:
    said = message(planned(), manual(OTHER.hash))
    assert said.startswith("spec.approval.planHash is sha256:other, which is not the hash of this plan")
    assert "the plan sha256:plan waits" in said


@pytest.mark.parametrize("field", [manual(PLAN.hash), manual()], ids=["stands", "put back"])
def test_an_approval_never_carries_over_to_the_next_plan(field: Approval) -> None:
    moved = replace(OTHER, proof=replace(PROOF, cells=(*PROOF.cells, Cell("c", "d", "junior", 1))))
    said = message(planned(approved(PLAN), moved), field)
    assert said.startswith("approved was sha256:plan, and the plan has changed since: ")
    assert "rows appeared that go c → d (junior)" in said
    assert "the plan sha256:other waits" in said


def test_a_plan_that_comes_back_is_still_approved() -> None:
    assert awaited(planned(approved(PLAN), OTHER), manual(PLAN.hash), PAUSE) is not None
    assert awaited(planned(approved(PLAN), PLAN), manual(PLAN.hash), PAUSE) is None


_hashes = st.sampled_from(["sha256:aaaaaaaa", "sha256:bbbbbbbb"])
_plans = st.builds(lambda one: replace(PLAN, hash=one), _hashes)


@given_by_hypothesis(_plans, st.none() | _plans.map(approved), st.one_of(st.none(), _hashes).map(manual))
def test_a_run_goes_on_exactly_with_an_approval_of_its_own_plan(
    plan: Plan, former: ApprovalRecord | None, field: Approval
) -> None:
    run = planned(former, plan)
    if is_new(run, field):
        run = replace(run, approval=approved(plan))
    approves = field.plan_hash == plan.hash or (former is not None and former.plan_hash == plan.hash)
    assert (awaited(run, field, PAUSE) is None) is approves


# What differs


def test_what_differs_is_said() -> None:
    assert "waivers" in difference(PLAN, OTHER)
    fewer = replace(PLAN, proof=replace(PROOF, cells=()))
    assert difference(PLAN, fewer) == "no row goes a → b any more"
    many = replace(PLAN, proof=replace(PROOF, cells=tuple(Cell(f"r{n}", "b", None, 1) for n in range(5))))
    assert "r0 → b, r1 → b, r2 → b and 2 more" in difference(fewer, many)
    adding = replace(PLAN, schema_changes=(AddColumn("c", "text"),))
    assert difference(PLAN, adding) == 'column "c" has to be added'
    assert difference(adding, PLAN) == 'somebody has added column "c" already'
    wider = replace(SHAPE, seniority=replace(SHAPE.role, name="level"))
    assert "another name or type" in difference(PLAN, replace(PLAN, shape=wider))


def test_counts_alone_are_no_difference() -> None:
    more = replace(PLAN, proof=replace(PROOF, cells=tuple(replace(cell, rows=99) for cell in PROOF.cells)))
    assert "→" not in difference(PLAN, more)
