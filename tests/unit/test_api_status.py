"""The status is always one that the API server accepts: plain, bounded, nothing that is absent."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from roleshift.api import (
    Condition,
    ConditionStatus,
    ConditionType,
    MatrixCell,
    Phase,
    PlanStatus,
    Reason,
    RoleMigrationStatus,
    RollbackStatus,
    StepState,
    StepStatus,
)

NOW = datetime(2026, 11, 23, 14, 44, 57, 123456, tzinfo=timezone(timedelta(hours=1)))


def ready(message: str = "") -> Condition:
    return Condition(
        type=ConditionType.READY,
        status=ConditionStatus.FALSE,
        reason=Reason.CHECKING,
        message=message,
        last_transition_time=NOW,
    )


def test_an_empty_status_says_that_nothing_was_seen_yet() -> None:
    dumped = RoleMigrationStatus().dump()
    assert (dumped["observedGeneration"], dumped["phase"]) == (-1, "Pending")
    assert "plan" not in dumped


def test_names_and_times_are_those_of_kubernetes() -> None:
    status = RoleMigrationStatus(
        observed_generation=2,
        phase=Phase.CHECKING,
        conditions=[ready()],
        run_id="r1",
        start_time=NOW,
        plan=PlanStatus(estimated_wal_bytes=1, matrix=[MatrixCell(from_role="a", to_role="b", rows=3)]),
    )
    dumped = status.dump()
    assert dumped["runID"] == "r1"
    assert dumped["startTime"] == "2026-11-23T13:44:57Z"
    assert dumped["plan"]["estimatedWALBytes"] == 1
    assert dumped["plan"]["matrix"] == [{"from": "a", "to": "b", "rows": 3}]
    assert dumped["conditions"][0] == {
        "type": "Ready",
        "status": "False",
        "reason": "Checking",
        "message": "",
        "lastTransitionTime": "2026-11-23T13:44:57Z",
    }


def test_what_is_dumped_is_read_back_the_same() -> None:
    whole = NOW.astimezone(UTC).replace(microsecond=0)
    step = StepStatus(name="Backup", state=StepState.RUNNING, start_time=whole, attempts=1)
    status = RoleMigrationStatus(steps=[step], rollback=RollbackStatus(conflicts=2, examples=["1", "2"]))
    assert RoleMigrationStatus.model_validate(status.dump()) == status


def test_long_texts_and_lists_are_cut_and_say_so() -> None:
    assert len(ready("x" * 100_000).message) == 8192
    assert ready("x" * 100_000).message.endswith("…")
    plan = PlanStatus(statements=[f"statement {n}" for n in range(100)])
    assert len(plan.statements) == 64
    assert plan.statements[-1] == "… and 37 more"
    assert RollbackStatus(examples=[str(n) for n in range(9)]).examples == [
        "0",
        "1",
        "2",
        "3",
        "… and 5 more",
    ]


@pytest.mark.parametrize(
    "bad", [{"phase": "Resting"}, {"observedGeneration": -2}, {"startTime": "2026-11-23"}]
)
def test_what_the_api_server_would_refuse_is_a_mistake_of_the_operator(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RoleMigrationStatus.model_validate(bad)


def test_a_status_never_changes() -> None:
    status = RoleMigrationStatus()
    with pytest.raises(ValidationError):
        status.attempts = 2  # type: ignore[misc]
