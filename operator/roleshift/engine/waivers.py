"""Waivers: what a person has accepted until a date. Pure; the time is given, never asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from roleshift.api.policy import Waiver
from roleshift.api.safety import NEVER_WAIVED, CheckResult
from roleshift.engine.checks import Finding, Healing

_CAN_BE_WAIVED = frozenset({CheckResult.FAILED, CheckResult.UNKNOWN, CheckResult.WARNING})


def apply_waivers(
    findings: Iterable[Finding], waivers: Sequence[Waiver], now: datetime
) -> tuple[Finding, ...]:
    """The findings as they count: waived where a waiver covers them, else with why it does not.

    Args:
        now: a waiver counts before its `expires`, and from then on no more.
    """
    by_check = {waiver.check: waiver for waiver in waivers}
    return tuple(
        _judged(finding, by_check[finding.name], now) if finding.name in by_check else finding
        for finding in findings
    )


def _judged(finding: Finding, waiver: Waiver, now: datetime) -> Finding:
    if finding.result not in _CAN_BE_WAIVED:
        return finding
    expires = f"{waiver.expires.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if finding.name in NEVER_WAIVED or not finding.judgement.waivable:
        return _said(finding, f"the waiver does not count, for this can't be waived; {finding.result}")
    if waiver.expires <= now:
        return _said(finding, f"the waiver ({waiver.reason}) expired at {expires}; {finding.result}")
    return _waived(_said(finding, f"waived until {expires}: {waiver.reason}; was {finding.result}"))


def _said(finding: Finding, remark: str) -> Finding:
    """The remark comes first, so that it is not what a long message loses in the status."""
    judgement = finding.judgement
    return replace(finding, judgement=replace(judgement, message=f"{remark}: {judgement.message}"))


def _waived(finding: Finding) -> Finding:
    """What a person has accepted is not waited for."""
    judgement = replace(finding.judgement, result=CheckResult.WAIVED, healing=Healing.BY_A_PERSON)
    return replace(finding, judgement=judgement)
