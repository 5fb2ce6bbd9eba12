"""How a run ended, or that it hasn't: from an object to an exit code. Pure."""

from collections.abc import Callable, Mapping

from roleshift.api import (
    CONCLUSIONS,
    ConditionStatus,
    ConditionType,
    DesiredState,
    Phase,
    Reason,
    RollbackResult,
)
from roleshift.cli.exit_codes import ExitCode
from roleshift.cli.options import Wanted
from roleshift.cli.subject import Subject

_WANTED_BY = {DesiredState.MIGRATED: Wanted.DONE, DesiredState.ROLLED_BACK: Wanted.ROLLED_BACK}


def ending(subject: Subject, wanted: Wanted) -> ExitCode | None:
    """How the run ended, measured by what is wanted; None while it hasn't.

    A status that speaks of an older generation of the spec is no end. Nor is a dry run or a rehearsal that
    has ended, whatever is wanted: nobody was migrated.
    """
    if not subject.is_seen:
        return None
    match subject.status.phase:
        case Phase.FAILED:
            return ExitCode.FAILED
        case Phase.DONE if wanted is Wanted.DONE and _is_concluded(subject):
            return None
        case Phase.ROLLED_BACK:
            return _rolled_back(subject) if wanted is Wanted.ROLLED_BACK else ExitCode.ROLLED_BACK
        case _:
            return ExitCode.WANTED if _IS_THERE[wanted](subject) else None


def pause(subject: Subject, wanted: Wanted = Wanted.DONE) -> ExitCode | None:
    """WAITS_FOR_A_PERSON while only a person can bring the run on, unless that is what is waited for."""
    stalled = subject.condition(ConditionType.STALLED)
    is_stalled = stalled is not None and stalled.status is ConditionStatus.TRUE
    rests = subject.reason in (Reason.SUSPENDED, Reason.SUPERSEDED)
    asks = subject.reason == Reason.WAITING_FOR_APPROVAL and wanted is not Wanted.APPROVAL
    waits = subject.is_seen and (is_stalled or rests or asks or _is_concluded(subject))
    return ExitCode.WAITS_FOR_A_PERSON if waits else None


def is_over(subject: Subject) -> ExitCode | None:
    """How what the object itself asks for ended; None while it hasn't."""
    if subject.is_seen and _is_concluded(subject):
        return ExitCode.WANTED
    return ending(subject, wanted_by_spec(subject))


def _is_concluded(subject: Subject) -> bool:
    """Whether a dry run or a rehearsal has ended well; to go on takes a person who sets spec.mode."""
    return subject.status.phase is Phase.DONE and subject.reason in CONCLUSIONS


def wanted_by_spec(subject: Subject) -> Wanted:
    """What the object itself asks for."""
    return _WANTED_BY[subject.desired_state]


def _has_plan(subject: Subject) -> bool:
    """Whether the plan in the status is that of the last look, and no look is under way."""
    looking = subject.status.phase is Phase.CHECKING and subject.reason == Reason.CHECKING
    return subject.status.plan is not None and not looking


def _is_approved(subject: Subject) -> bool:
    approved = subject.condition(ConditionType.APPROVED)
    return approved is not None and approved.status is ConditionStatus.TRUE


_IS_THERE: Mapping[Wanted, Callable[[Subject], bool]] = {
    Wanted.DONE: lambda subject: subject.status.phase is Phase.DONE,
    Wanted.ROLLED_BACK: lambda _: False,
    Wanted.PLAN: _has_plan,
    Wanted.APPROVAL: _is_approved,
}


def _rolled_back(subject: Subject) -> ExitCode:
    rollback = subject.status.rollback
    is_partial = rollback is not None and rollback.result is RollbackResult.PARTIAL
    return ExitCode.FAILED if is_partial else ExitCode.WANTED
