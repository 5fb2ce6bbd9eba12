"""The safety score and the gate.

Score = 100 × (weight of Passed + half the weight of Warning and Waived) / weight
of all that were judged. The gate: no Critical check Failed or Unknown, and the
score at least the manifest's minimum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from roleshift.api.safety import CheckResult as Result
from roleshift.api.safety import Severity
from roleshift.engine.checks import WEIGHTS, Finding, Healing
from roleshift.errors import Reason

_SHARE = {
    Result.PASSED: 1.0,
    Result.WARNING: 0.5,
    Result.WAIVED: 0.5,
    Result.FAILED: 0.0,
    Result.UNKNOWN: 0.0,
}
_STOPS = frozenset({Result.FAILED, Result.UNKNOWN})


@dataclass(frozen=True, slots=True)
class GateOpen:
    """The run may go on."""

    score: int


@dataclass(frozen=True, slots=True)
class GateClosed:
    """The run must not go on.

    Attributes:
        healing: whether checking again later can open it without a person.
    """

    score: int
    reason: Reason
    message: str
    healing: Healing


Gate = GateOpen | GateClosed


def safety_score(results: Sequence[Finding]) -> int:
    """0 to 100, rounded down so that a score never looks better than it is; 0 without results."""
    total = sum(WEIGHTS[result.severity] for result in results)
    if total == 0:
        return 0
    reached = sum(_SHARE[result.result] * WEIGHTS[result.severity] for result in results)
    return int(100 * reached / total)


def judge_gate(results: Sequence[Finding], minimum_score: int) -> Gate:
    """Open, or closed with the first reason in the catalogue's order."""
    score = safety_score(results)
    stopping = [r for r in results if r.severity is Severity.CRITICAL and r.result in _STOPS]
    if stopping:
        return _closed_by_critical(score, stopping)
    if score < minimum_score:
        return _closed_by_score(score, minimum_score, results)
    return GateOpen(score)


def _closed_by_critical(score: int, stopping: Sequence[Finding]) -> GateClosed:
    lasting = [r for r in stopping if r.judgement.healing is Healing.BY_A_PERSON]
    first = (lasting or list(stopping))[0]
    more = len(stopping) - 1
    others = (
        f" ({more} more critical: {', '.join(r.name for r in stopping if r is not first)})" if more else ""
    )
    healing = Healing.BY_A_PERSON if lasting else Healing.BY_ITSELF
    return GateClosed(
        score, first.judgement.reason, f"{first.name}: {first.judgement.message}{others}", healing
    )


def _closed_by_score(score: int, minimum: int, results: Sequence[Finding]) -> GateClosed:
    lowering = [r for r in results if r.result is not Result.PASSED]
    healing = (
        Healing.BY_ITSELF
        if any(r.judgement.healing is Healing.BY_ITSELF for r in lowering)
        else Healing.BY_A_PERSON
    )
    names = ", ".join(f"{r.name} {r.result}" for r in lowering)
    return GateClosed(
        score,
        Reason.SCORE_TOO_LOW,
        f"safety score {score} is below spec.checks.minimumScore {minimum}: {names}; "
        "see status.safety.results for what to do about each",
        healing,
    )
