"""The safety score and the gate.

Score = 100 × (weight of Passed + half the weight of Warning and Waived) / weight
of all that were judged. The gate: no Critical check Failed or Unknown that was
not waived, and the score at least the manifest's minimum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from roleshift.api.safety import CheckResult as Result
from roleshift.api.safety import Severity
from roleshift.engine.checks import WEIGHTS, Finding, Healing, passed
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
    """Open, or closed: by the first Critical check in the catalogue's order, else by the score."""
    score = safety_score(results)
    stopping = [r for r in results if r.severity is Severity.CRITICAL and r.result in _STOPS]
    if not stopping and score >= minimum_score:
        return GateOpen(score)
    lasting = [r for r in stopping if not _heals(r)]
    best = safety_score([_healed(r) for r in results])
    if stopping and (lasting or best >= minimum_score):
        return _closed_by_critical(score, stopping, lasting)
    return _closed_by_score(score, minimum_score, best, results)


def _heals(result: Finding) -> bool:
    return result.judgement.healing is Healing.BY_ITSELF and result.result is not Result.PASSED


def _healed(result: Finding) -> Finding:
    """The finding at its best: what can heal by itself has healed."""
    return replace(result, judgement=passed("")) if _heals(result) else result


def _closed_by_critical(score: int, stopping: Sequence[Finding], lasting: Sequence[Finding]) -> GateClosed:
    # What merely depends on another check has no reason of its own.
    first = min(lasting or stopping, key=lambda r: not lasting and r.judgement.reason is Reason.CHECKS_FAILED)
    more = len(stopping) - 1
    others = (
        f" ({more} more critical: {', '.join(r.name for r in stopping if r is not first)})" if more else ""
    )
    healing = Healing.BY_A_PERSON if lasting else Healing.BY_ITSELF
    return GateClosed(
        score, first.judgement.reason, f"{first.name}: {first.judgement.message}{others}", healing
    )


def _closed_by_score(score: int, minimum: int, best: int, results: Sequence[Finding]) -> GateClosed:
    """By itself the gate opens only if what can heal is enough."""
    lowering = [r for r in results if r.result is not Result.PASSED]
    healing = [r for r in lowering if _heals(r)]
    lasting = [r for r in lowering if not _heals(r)]
    cost = _costs(results)
    parts = [
        _listed(healing, "may heal"),
        _listed(lasting, "needs a person" if healing else "lowered by", cost),
    ]
    if healing and best < minimum:
        parts.append(f"what may heal would raise it to {best} only")
    said = "; ".join(part for part in parts if part)
    return GateClosed(
        score,
        Reason.SCORE_TOO_LOW,
        f"safety score {score} is below spec.checks.minimumScore {minimum}: {said}; "
        "each says what to do; a waived check counts half, as a warning does",
        Healing.BY_ITSELF if best >= minimum else Healing.BY_A_PERSON,
    )


def _costs(results: Sequence[Finding]) -> dict[str, float]:
    """Points of the score that each check takes away."""
    total = sum(WEIGHTS[result.severity] for result in results)
    return {r.name: 100 * (1 - _SHARE[r.result]) * WEIGHTS[r.severity] / total for r in results}


def _listed(results: Sequence[Finding], what: str, cost: Mapping[str, float] | None = None) -> str:
    """Names and results; with costs, what costs most comes first."""
    if cost is None:
        names = [f"{r.name} {r.result}" for r in results]
    else:
        ordered = sorted(results, key=lambda r: -cost[r.name])
        names = [f"{r.name} {r.result} (-{cost[r.name]:.1f})" for r in ordered]
    return f"{what}: {', '.join(names)}" if results else ""
