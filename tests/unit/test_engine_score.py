"""Score and gate, over the real 24 checks with their weights; and when waiting can open the gate."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.api.safety import CheckName, CheckResult, Severity
from roleshift.checks.catalogue import CATALOGUE
from roleshift.engine.checks import WEIGHTS, Finding, Healing, Judgement
from roleshift.engine.score import GateClosed, GateOpen, judge_gate, safety_score
from roleshift.errors import Reason

PASSED, WARNING, FAILED, UNKNOWN, WAIVED = (
    CheckResult.PASSED,
    CheckResult.WARNING,
    CheckResult.FAILED,
    CheckResult.UNKNOWN,
    CheckResult.WAIVED,
)
MINIMUM = 90
SEVERITY = {check.name: check.severity for check in CATALOGUE}
CRITICAL, MAJOR, MINOR = (
    [name for name in CheckName if SEVERITY[name] is severity]
    for severity in (Severity.CRITICAL, Severity.MAJOR, Severity.MINOR)
)


def results(
    fell: dict[CheckName, CheckResult] | None = None, healing: Iterable[CheckName] = ()
) -> Sequence[Finding]:
    """All 24, passed but for those that fell; those in `healing` may pass by themselves."""
    heals = set(healing)
    return [
        Finding(
            check.name,
            check.category,
            check.severity,
            Judgement(
                (fell or {}).get(check.name, PASSED),
                f"measured by {check.name}",
                Reason.CHECKS_WAITING if check.name in heals else Reason.CHECKS_FAILED,
                Healing.BY_ITSELF if check.name in heals else Healing.BY_A_PERSON,
            ),
        )
        for check in CATALOGUE
    ]


def all_of(names: Iterable[CheckName], result: CheckResult) -> dict[CheckName, CheckResult]:
    return dict.fromkeys(names, result)


def test_the_24_checks_weigh_90() -> None:
    assert sum(WEIGHTS[severity] for severity in SEVERITY.values()) == 90
    assert (len(CRITICAL), len(MAJOR), len(MINOR)) == (13, 7, 4)


TABLE: list[tuple[str, dict[CheckName, CheckResult], int, bool]] = [
    ("all passed", {}, 100, True),
    ("one Minor Unknown", all_of(MINOR[:1], UNKNOWN), 98, True),
    ("four Minor Unknown, as on a managed database", all_of(MINOR, UNKNOWN), 95, True),
    ("four Minor Failed", all_of(MINOR, FAILED), 95, True),
    ("one Minor Warning", all_of(MINOR[:1], WARNING), 99, True),
    ("one Major Warning", all_of(MAJOR[:1], WARNING), 98, True),
    ("one Major Failed", all_of(MAJOR[:1], FAILED), 96, True),
    ("three Major Failed", all_of(MAJOR[:3], FAILED), 90, True),
    ("three Major Unknown", all_of(MAJOR[:3], UNKNOWN), 90, True),
    ("three Major and one Minor Failed", all_of([*MAJOR[:3], MINOR[0]], FAILED), 88, False),
    ("four Major Failed", all_of(MAJOR[:4], FAILED), 86, False),
    ("four Major Waived", all_of(MAJOR[:4], WAIVED), 93, True),
    ("all Major Failed", all_of(MAJOR, FAILED), 76, False),
    ("one Critical Warning", all_of(CRITICAL[:1], WARNING), 97, True),
    ("three Critical Warning", all_of(CRITICAL[:3], WARNING), 91, True),
    ("four Critical Warning", all_of(CRITICAL[:4], WARNING), 88, False),
    ("one Critical Unknown", all_of(CRITICAL[:1], UNKNOWN), 94, False),
    ("one Critical Failed", all_of(CRITICAL[:1], FAILED), 94, False),
    ("one Critical Waived", all_of(CRITICAL[:1], WAIVED), 97, True),
    ("four Critical Waived", all_of(CRITICAL[:4], WAIVED), 88, False),
    ("one Critical Waived, one Failed", {CRITICAL[0]: WAIVED, CRITICAL[1]: FAILED}, 91, False),
    ("all Failed", all_of(CheckName, FAILED), 0, False),
    ("all Unknown", all_of(CheckName, UNKNOWN), 0, False),
    ("all Warning", all_of(CheckName, WARNING), 50, False),
    ("all Waived", all_of(CheckName, WAIVED), 50, False),
]


@pytest.mark.parametrize(
    ("fell", "score", "opens"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_set_of_results_to_gate(fell: dict[CheckName, CheckResult], score: int, opens: bool) -> None:
    gate = judge_gate(results(fell), MINIMUM)
    assert gate.score == score
    assert isinstance(gate, GateOpen) == opens


@pytest.mark.parametrize("name", CRITICAL)
@pytest.mark.parametrize("result", [FAILED, UNKNOWN])
def test_each_critical_check_closes_the_gate_alone_whatever_the_minimum(
    name: CheckName, result: CheckResult
) -> None:
    gate = judge_gate(results({name: result}), 0)
    assert isinstance(gate, GateClosed)
    assert gate.message == f"{name}: measured by {name}"


@pytest.mark.parametrize("name", [*MAJOR, *MINOR])
def test_no_other_check_closes_it_alone(name: CheckName) -> None:
    assert isinstance(judge_gate(results({name: FAILED}), MINIMUM), GateOpen)


def test_a_score_is_rounded_down_so_that_it_never_reaches_a_minimum_by_rounding() -> None:
    fell = {MINOR[0]: WARNING}
    assert safety_score(results(fell)) == 99  # 89.5 of 90, which is 99.4
    assert isinstance(judge_gate(results(fell), 100), GateClosed)
    assert safety_score([]) == 0


class TestHealing:
    def test_a_critical_check_that_can_heal_is_waited_for(self) -> None:
        gate = judge_gate(results({CheckName.LOCKS: FAILED}, [CheckName.LOCKS]), MINIMUM)
        assert gate == GateClosed(94, Reason.CHECKS_WAITING, "Locks: measured by Locks", Healing.BY_ITSELF)

    def test_the_first_with_a_reason_of_its_own_is_named(self) -> None:
        fell = all_of([CheckName.TABLESPACES, CheckName.LOCKS], UNKNOWN)
        found = results(fell, [CheckName.LOCKS])
        dependent = [
            replace(one, judgement=replace(one.judgement, healing=Healing.BY_ITSELF))
            if one.name is CheckName.TABLESPACES
            else one
            for one in found
        ]
        gate = judge_gate(dependent, MINIMUM)
        assert isinstance(gate, GateClosed)
        assert gate.message == "Locks: measured by Locks (1 more critical: Tablespaces)"

    def test_beside_one_that_cant_it_is_not(self) -> None:
        fell = all_of([CheckName.USER_PROFILES, CheckName.LOCKS], FAILED)
        gate = judge_gate(results(fell, [CheckName.LOCKS]), MINIMUM)
        assert isinstance(gate, GateClosed)
        assert gate.healing is Healing.BY_A_PERSON
        assert gate.message == "UserProfiles: measured by UserProfiles (1 more critical: Locks)"

    def test_a_score_that_healing_alone_can_raise_is_waited_for_and_names_both(self) -> None:
        gate = judge_gate(results(all_of(MAJOR[:4], FAILED), MAJOR[:1]), MINIMUM)
        assert isinstance(gate, GateClosed)
        assert (gate.reason, gate.healing) == (Reason.SCORE_TOO_LOW, Healing.BY_ITSELF)
        assert (
            f"may heal: {MAJOR[0]} Failed; needs a person: {MAJOR[1]} Failed (-3.3), {MAJOR[2]} Failed (-3.3)"
            in gate.message
        )

    def test_what_costs_most_comes_first_with_its_points(self) -> None:
        fell = {**all_of(MAJOR[:4], WAIVED), CRITICAL[-1]: WARNING, CheckName.CPU: UNKNOWN}
        gate = judge_gate(results(fell), MINIMUM)
        assert isinstance(gate, GateClosed)
        assert gate.message.startswith(
            "safety score 89 is below spec.checks.minimumScore 90: lowered by: "
            f"{CRITICAL[-1]} Warning (-2.8), {MAJOR[0]} Waived (-1.7), "
        )
        assert "CPU Unknown (-1.1); each says what to do; a waived check counts half" in gate.message

    def test_a_score_that_healing_alone_cant_raise_enough_fails_at_once_and_says_so(self) -> None:
        gate = judge_gate(results(all_of(MAJOR[:5], FAILED), MAJOR[:1]), MINIMUM)
        assert isinstance(gate, GateClosed)
        assert (gate.reason, gate.healing) == (Reason.SCORE_TOO_LOW, Healing.BY_A_PERSON)
        assert "what may heal would raise it to 86 only" in gate.message

    def test_a_critical_check_that_heals_is_not_waited_for_where_the_score_would_stay_too_low(self) -> None:
        fell = all_of([CheckName.LOCKS, *MAJOR[:4]], FAILED)
        gate = judge_gate(results(fell, [CheckName.LOCKS]), MINIMUM)
        assert isinstance(gate, GateClosed)
        assert (gate.reason, gate.healing) == (Reason.SCORE_TOO_LOW, Healing.BY_A_PERSON)
        assert "may heal: Locks Failed; needs a person: " in gate.message

    def test_what_is_waived_is_not_waited_for(self) -> None:
        gate = judge_gate(results(all_of(CRITICAL[:4], WAIVED)), MINIMUM)
        assert isinstance(gate, GateClosed)
        assert gate.healing is Healing.BY_A_PERSON


_any_results = st.lists(st.tuples(st.sampled_from(CheckResult), st.booleans()), min_size=24, max_size=24)


@given(_any_results, st.integers(0, 100))
def test_the_gate_agrees_with_the_page_for_any_results(given_: list[Any], minimum: int) -> None:
    fell = {name: result for name, (result, _) in zip(CheckName, given_, strict=True)}
    healing = [name for name, (_, heals) in zip(CheckName, given_, strict=True) if heals]
    found = results(fell, healing)
    share = {PASSED: 2, WARNING: 1, WAIVED: 1, FAILED: 0, UNKNOWN: 0}
    halves = sum(share[fell[name]] * WEIGHTS[SEVERITY[name]] for name in CheckName)
    gate = judge_gate(found, minimum)
    assert gate.score == 100 * halves // 180
    stops = any(fell[name] in (FAILED, UNKNOWN) for name in CRITICAL)
    assert isinstance(gate, GateOpen) == (not stops and 100 * halves >= minimum * 180)
    if isinstance(gate, GateClosed):
        healed = results({n: PASSED if n in healing else fell[n] for n in CheckName})
        assert (gate.healing is Healing.BY_ITSELF) == isinstance(judge_gate(healed, minimum), GateOpen)
