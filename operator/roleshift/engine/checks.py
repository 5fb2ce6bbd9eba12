"""The values of the safety checks: weights, a judgement, and a finding (a check with its judgement)."""

from dataclasses import dataclass
from enum import StrEnum

from roleshift.api.safety import Category, CheckName, Severity
from roleshift.api.safety import CheckResult as Result
from roleshift.errors import Reason

WEIGHTS = {Severity.CRITICAL: 5, Severity.MAJOR: 3, Severity.MINOR: 1}
"""Points of a check in the score, by its severity; 90 in all."""


class Healing(StrEnum):
    """Whether looking again later can change the result without anybody changing the manifest."""

    BY_ITSELF = "ByItself"
    BY_A_PERSON = "ByAPerson"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one check found.

    Attributes:
        message: what was measured, the limit, and what to do.
        reason: the word for the run's condition when this check closes the gate.
        healing: whether a failure may pass by itself.
        waivable: whether a person may accept it, where the check as a whole can be waived.
    """

    result: Result
    message: str
    reason: Reason = Reason.CHECKS_FAILED
    healing: Healing = Healing.BY_A_PERSON
    waivable: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """A judgement with the name, category and severity of its check."""

    name: CheckName
    category: Category
    severity: Severity
    judgement: Judgement

    @property
    def result(self) -> Result:
        """What the check came to."""
        return self.judgement.result


def passed(message: str) -> Judgement:
    """A judgement that nothing stands against the run."""
    return Judgement(Result.PASSED, message)


def warning(message: str, reason: Reason = Reason.CHECKS_FAILED) -> Judgement:
    """A judgement that somebody should look, and the run may go on."""
    return Judgement(Result.WARNING, message, reason)


def failed(
    message: str, reason: Reason = Reason.CHECKS_FAILED, healing: Healing = Healing.BY_A_PERSON
) -> Judgement:
    """A judgement that the run must not start."""
    return Judgement(Result.FAILED, message, reason, healing)


def unknown(
    message: str, reason: Reason = Reason.CHECKS_FAILED, healing: Healing = Healing.BY_ITSELF
) -> Judgement:
    """The probe could not tell; a Critical check that is Unknown stops the run like a Failed one."""
    return Judgement(Result.UNKNOWN, message, reason, healing)
