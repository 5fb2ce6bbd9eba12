"""Whether a rollback is advised, and by what evidence. Pure; a person decides.

Only what was found wrong in the table itself makes a rollback required: rows with a role, a seniority or a
reference that no run could have meant. A damaged backup speaks for nothing: it is what a rollback needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from roleshift.api.status import Verdict
from roleshift.engine.verification import Verification, VerificationResult, failures

_CORRUPTION = frozenset(
    {Verification.INVALID_ROLES, Verification.SENIORITY, Verification.FOREIGN_KEYS, Verification.ORPHANS}
)
_NO_EVIDENCE = frozenset({Verification.BACKUP_CHECKSUM})


@dataclass(frozen=True, slots=True)
class Recommendation:
    """How strongly the evidence speaks for a rollback, and the evidence."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


def recommendation(results: Sequence[VerificationResult]) -> Recommendation:
    """What the verification of the data says."""
    evidence = [result for result in failures(results) if result.name not in _NO_EVIDENCE]
    if not evidence:
        return Recommendation(Verdict.NONE)
    corrupt = any(result.name in _CORRUPTION for result in evidence)
    verdict = Verdict.REQUIRED if corrupt else Verdict.RECOMMENDED
    return Recommendation(verdict, tuple(f"{result.name}: {result.message}" for result in evidence))
