"""ReplicationLag judged from made facts: limits just met, and what can't be built on one machine."""

import pytest

from roleshift.api.safety import CheckResult
from roleshift.checks.replication import replication_lag
from roleshift.checks.subject import Subject
from roleshift.engine.checks import Healing, Judgement
from roleshift.engine.facts.condition import ConditionFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import Facts
from roleshift.engine.facts.replication import ReplicationFacts, Slot, Standby
from roleshift.errors import Reason
from support.run_phases import spec_of

_FAILURE = ProbeFailure(Reason.DATABASE_ERROR, "not asked")


def judged(*standbys: Standby, slots: tuple[Slot, ...] = (), own_lag: float | None = None) -> Judgement:
    """The judgement with maxReplicationLagSeconds 30."""
    facts = ReplicationFacts(own_lag is not None, own_lag, False, "", standbys, slots)
    condition = ConditionFacts(replication=facts)
    return replication_lag(Subject(spec_of(), Facts(_FAILURE, _FAILURE, condition=condition)))


def standby(seconds: float | None, name: str = "a") -> Standby:
    return Standby(name, hidden=False, synchronous=False, bytes_behind=1024, seconds_behind=seconds)


def slot(*, active: bool = False, status: str = "reserved", unused: float | None = None) -> Slot:
    return Slot("cdc", active, 5 << 30, status, unused)


@pytest.mark.parametrize(
    ("seconds", "result"),
    [
        (0.0, CheckResult.PASSED),
        (30.0, CheckResult.PASSED),
        (30.1, CheckResult.FAILED),
        (None, CheckResult.UNKNOWN),
    ],
)
def test_a_standby_is_judged_by_the_limit(seconds: float | None, result: CheckResult) -> None:
    assert judged(standby(1), standby(seconds, "b")).result is result


def test_a_lagging_standby_falls_although_another_is_hidden() -> None:
    hidden = Standby("b", hidden=True, synchronous=False, bytes_behind=None, seconds_behind=None)
    assert judged(hidden).result is CheckResult.UNKNOWN
    assert judged(standby(31), hidden).result is CheckResult.FAILED


def test_many_standbys_are_named_by_three() -> None:
    said = judged(*(standby(60, name) for name in "abcde")).message
    assert '"a" 60 s (1.0 KiB), "b" 60 s (1.0 KiB), "c" 60 s (1.0 KiB) and 2 more;' in said


@pytest.mark.parametrize(
    ("lag", "result"), [(0.0, CheckResult.PASSED), (30.0, CheckResult.PASSED), (31.0, CheckResult.FAILED)]
)
def test_a_server_in_recovery_is_judged_by_its_own_lag(lag: float, result: CheckResult) -> None:
    assert judged(own_lag=lag).result is result


@pytest.mark.parametrize(
    ("one", "result", "healing"),
    [
        (slot(active=True), CheckResult.PASSED, Healing.BY_A_PERSON),
        (slot(active=True, status="unreserved"), CheckResult.FAILED, Healing.BY_A_PERSON),
        (slot(), CheckResult.FAILED, Healing.BY_A_PERSON),
        (slot(unused=59), CheckResult.FAILED, Healing.BY_ITSELF),
        (slot(unused=0), CheckResult.FAILED, Healing.BY_ITSELF),
        (slot(unused=60), CheckResult.FAILED, Healing.BY_A_PERSON),
        (slot(status="lost"), CheckResult.WARNING, Healing.BY_A_PERSON),
    ],
)
def test_a_slot_is_judged_by_who_reads_it(one: Slot, result: CheckResult, healing: Healing) -> None:
    said = judged(slots=(one,))
    assert (said.result, said.healing) == (result, healing), said.message
