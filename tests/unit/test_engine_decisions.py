"""What a person decides after a failed verification: by rank, once, and about the failure that stands."""

from typing import Any

import pytest

from roleshift.api import Phase, RollbackPolicy, Verdict
from roleshift.engine import decisions
from roleshift.engine.outcome import Wait
from roleshift.engine.recommendation import recommendation
from roleshift.engine.run import AcceptanceRecord, RunRecord
from roleshift.engine.settlement import RetryPolicy, settle
from roleshift.engine.steps import Decision
from roleshift.engine.verification import Verification, failed, passed
from roleshift.errors import Reason
from support.engine_values import NOW, asks, run_in


def waiting(**changes: Any) -> RunRecord:
    return run_in(Phase.VALIDATING, reason=Reason.AWAITING_DECISION, message="wrong", active=True, **changes)


WANTS = {"rollback_policy": RollbackPolicy.RECOMMEND}


@pytest.mark.parametrize("policy", [RollbackPolicy.RECOMMEND, RollbackPolicy.NEVER])
def test_a_run_that_waits_is_a_decision_that_is_awaited(policy: RollbackPolicy) -> None:
    assert decisions.decision_of(waiting(), asks(rollback_policy=policy)) is Decision.AWAITED


def test_under_automatic_nobody_is_awaited() -> None:
    assert decisions.decision_of(waiting(), asks()) is Decision.NONE


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.VALIDATING])
def test_nothing_is_decided_in_any_other_phase(phase: Phase) -> None:
    run = run_in(phase, reason=Reason.AWAITING_DECISION, acceptance=AcceptanceRecord(NOW, "kim", "known"))
    assert decisions.decision_of(run, asks(**WANTS)) is Decision.NONE


def test_an_acceptance_counts_once_and_needs_a_reason() -> None:
    assert decisions.accepts(waiting(), asks(accept_token="1", reason="known"))
    assert not decisions.accepts(waiting(), asks(accept_token="1"))
    assert not decisions.accepts(waiting(), asks(reason="known"))
    assert not decisions.accepts(waiting(accept_token="1"), asks(accept_token="1", reason="known"))


def test_a_new_verification_counts_once() -> None:
    assert decisions.resumes(waiting(), asks(resume_token="1"))
    assert not decisions.resumes(waiting(resume_token="1"), asks(resume_token="1"))


@pytest.mark.parametrize("token", ["accept_token", "resume_token"])
def test_what_comes_before_anything_waits_is_noted_and_decides_nothing(token: str) -> None:
    run = run_in(Phase.MIGRATING, reason=Reason.MIGRATING)
    wishes = asks(**{token: "1"}, reason="always")
    assert decisions.is_untimely(run, wishes)
    assert not decisions.accepts(run, wishes)
    assert not decisions.resumes(run, wishes)
    assert not decisions.is_untimely(run_in(Phase.MIGRATING, **{token: "1"}), wishes)
    assert not decisions.is_untimely(waiting(), wishes)


def test_the_wait_says_that_a_reason_is_missing_only_where_it_is() -> None:
    assert decisions.waiting_message(waiting(), asks()) == "wrong"
    assert "say why" in decisions.waiting_message(waiting(), asks(accept_token="1"))
    assert decisions.waiting_message(waiting(), asks(accept_token="1", reason="known")) == "wrong"


def test_it_rests_until_a_person_acts_and_occupies_its_table() -> None:
    wait = Wait(Reason.AWAITING_DECISION, "wrong")
    settled = settle(Phase.VALIDATING, wait, attempts=0, looks=3, policy=RetryPolicy(6, 10, 300))
    assert (settled.pause, settled.active, settled.ended) == (None, True, False)


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        ([], Verdict.NONE),
        ([Verification.BACKUP_CHECKSUM], Verdict.NONE),
        (["Assertion/mine"], Verdict.RECOMMENDED),
        ([Verification.KEEP_AT_LEAST], Verdict.RECOMMENDED),
        ([Verification.COMPLETENESS], Verdict.RECOMMENDED),
        ([Verification.INVALID_ROLES], Verdict.REQUIRED),
        ([Verification.SENIORITY], Verdict.REQUIRED),
        ([Verification.ORPHANS], Verdict.REQUIRED),
        ([Verification.FOREIGN_KEYS, "Assertion/mine"], Verdict.REQUIRED),
    ],
)
def test_only_what_is_wrong_in_the_table_makes_a_rollback_required(
    names: list[str], verdict: Verdict
) -> None:
    results = [passed("UserCount", "10 rows"), *(failed(name, "3 rows") for name in names)]
    found = recommendation(results)
    assert found.verdict is verdict
    shown = [f"{name}: 3 rows" for name in names if name != Verification.BACKUP_CHECKSUM]
    assert list(found.reasons) == shown
