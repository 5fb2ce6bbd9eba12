"""Waivers: what a person accepts until a date, what nobody can accept, and that a plan's hash covers them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from roleshift.api.policy import Waiver
from roleshift.api.safety import NEVER_WAIVED, Category, CheckName, CheckResult, Severity
from roleshift.engine.checks import Finding, Healing, Judgement
from roleshift.engine.plan import plan_hash
from roleshift.engine.waivers import apply_waivers
from roleshift.errors import Reason
from support.engine_values import PROOF, SHAPE

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def waiver(check: CheckName = CheckName.LOCKS, expires: datetime = LATER, reason: str = "agreed") -> Waiver:
    return Waiver.model_validate({"check": check, "reason": reason, "expires": expires})


def finding(
    result: CheckResult,
    name: CheckName = CheckName.LOCKS,
    waivable: bool = True,
    message: str = "3 hold a lock",
) -> Finding:
    judgement = Judgement(result, message, Reason.CHECKS_WAITING, Healing.BY_ITSELF, waivable)
    return Finding(name, Category.APPLICATION, Severity.CRITICAL, judgement)


def applied(found: Finding, *waivers: Waiver, now: datetime = NOW) -> Finding:
    (result,) = apply_waivers([found], waivers, now)
    return result


@pytest.mark.parametrize("result", [CheckResult.FAILED, CheckResult.UNKNOWN, CheckResult.WARNING])
def test_what_fell_is_waived_and_says_what_it_was_why_and_until_when(result: CheckResult) -> None:
    found = applied(finding(result), waiver())
    assert found.result is CheckResult.WAIVED
    assert found.judgement.message == (
        f"waived until 2026-11-24 12:00:00 UTC: agreed; was {result}: 3 hold a lock"
    )
    assert found.judgement.healing is Healing.BY_A_PERSON


def test_what_passed_stays_passed_whatever_its_waiver() -> None:
    for expires in (LATER, NOW - timedelta(days=1)):
        found = finding(CheckResult.PASSED)
        assert applied(found, waiver(expires=expires)) == found


def test_a_waiver_is_for_its_own_check() -> None:
    found = finding(CheckResult.FAILED)
    assert applied(found, waiver(CheckName.MEMORY)) == found


@pytest.mark.parametrize(
    ("expires", "result"),
    [
        (NOW + timedelta(microseconds=1), CheckResult.WAIVED),
        (NOW, CheckResult.FAILED),
        (NOW - timedelta(microseconds=1), CheckResult.FAILED),
        (NOW.astimezone(timezone(timedelta(hours=9))), CheckResult.FAILED),
    ],
)
def test_it_ends_at_the_very_moment_that_it_names(expires: datetime, result: CheckResult) -> None:
    assert applied(finding(CheckResult.FAILED), waiver(expires=expires)).result is result


def test_one_that_has_expired_is_said_and_the_result_stands_with_its_healing() -> None:
    found = applied(finding(CheckResult.UNKNOWN), waiver(expires=NOW - timedelta(hours=1)))
    assert found.result is CheckResult.UNKNOWN
    assert found.judgement.healing is Healing.BY_ITSELF
    assert found.judgement.message == (
        "the waiver (agreed) expired at 2026-11-23 11:00:00 UTC; Unknown: 3 hold a lock"
    )


def test_what_a_judgement_forbids_is_not_waived_and_says_so() -> None:
    found = applied(
        finding(CheckResult.FAILED, CheckName.ROW_LEVEL_SECURITY, waivable=False),
        waiver(CheckName.ROW_LEVEL_SECURITY),
    )
    assert found.result is CheckResult.FAILED
    assert found.judgement.message.startswith(
        "the waiver does not count, for this can't be waived; Failed: 3 hold"
    )


@pytest.mark.parametrize("name", sorted(NEVER_WAIVED))
def test_a_waiver_that_the_api_should_have_refused_does_not_count_either(name: CheckName) -> None:
    forced = waiver().model_copy(update={"check": name})
    assert applied(finding(CheckResult.FAILED, name), forced).result is CheckResult.FAILED


def test_the_longest_reason_leaves_room_for_what_was_found() -> None:
    found = applied(finding(CheckResult.FAILED, message="m" * 2000), waiver(reason="r" * 512))
    shown = found.judgement.message[:1024]
    assert "r" * 512 in shown
    assert "2026-11-24 12:00:00 UTC" in shown
    assert "Failed: mmmm" in shown


class TestPlanHash:
    def hash_with(self, *waivers: Waiver) -> str:
        return plan_hash({"target": "t"}, waivers, SHAPE, PROOF, [])

    def test_it_covers_each_part_of_a_waiver(self) -> None:
        hashes = {
            self.hash_with(),
            self.hash_with(waiver()),
            self.hash_with(waiver(CheckName.MEMORY)),
            self.hash_with(waiver(reason="another")),
            self.hash_with(waiver(expires=LATER + timedelta(seconds=1))),
            self.hash_with(waiver(), waiver(CheckName.MEMORY)),
        }
        assert len(hashes) == 6

    def test_it_does_not_depend_on_their_order_or_time_zone(self) -> None:
        one, two = waiver(), waiver(CheckName.MEMORY)
        assert self.hash_with(one, two) == self.hash_with(two, one)
        elsewhere = waiver(expires=LATER.astimezone(timezone(timedelta(hours=-5))))
        assert self.hash_with(one) == self.hash_with(elsewhere)
