"""What a phase answers: a value. Phases never move the state; `transitions` does, from these."""

from dataclasses import dataclass
from enum import StrEnum

from roleshift.errors import Reason, RoleshiftError


class Extent(StrEnum):
    """How far a write had come when it has to be undone."""

    UNCOMMITTED = "Uncommitted"
    COMMITTED = "Committed"


@dataclass(frozen=True, slots=True)
class Advance:
    """The phase is finished and its result is in the ledger."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class Conclude:
    """The run ends in Done for a reason of its own: a dry run, a rehearsal that went well, data accepted."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing failed; something outside has to change first. Not an attempt.

    Attributes:
        after: seconds until it is worth looking again, None for the usual growing pause.
    """

    reason: Reason
    message: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """The phase had begun its work and failed in a way that may pass: counts as an attempt."""

    error: RoleshiftError


@dataclass(frozen=True, slots=True)
class Replan:
    """The database no longer fits the plan: check and plan again before anything is written."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Undo:
    """The old state has to come back: it already did (uncommitted), or RollingBack has to do it."""

    reason: Reason
    message: str
    extent: Extent


@dataclass(frozen=True, slots=True)
class Fail:
    """The run ends: the table is as before, or (from RollingBack) a person has to act.

    Attributes:
        logged: whether what failed is in the ledger's log already.
    """

    reason: Reason
    message: str
    logged: bool = False


Outcome = Advance | Conclude | Wait | Retry | Replan | Undo | Fail
