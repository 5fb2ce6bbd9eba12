"""How a run ended, or that it hasn't: from an object to an exit code. Pure."""

from roleshift.api import ConditionStatus, ConditionType, DesiredState, Phase, Reason, RollbackResult
from roleshift.cli.exit_codes import ExitCode
from roleshift.cli.options import Wanted
from roleshift.cli.subject import Subject

_WANTED_BY = {DesiredState.MIGRATED: Wanted.DONE, DesiredState.ROLLED_BACK: Wanted.ROLLED_BACK}


def ending(subject: Subject, wanted: Wanted) -> ExitCode | None:
    """How the run ended, measured by what is wanted; None while it hasn't.

    A status that speaks of an older generation of the spec is no end.
    """
    if not subject.is_seen:
        return None
    match subject.status.phase:
        case Phase.FAILED:
            return ExitCode.FAILED
        case Phase.DONE:
            return ExitCode.WANTED if wanted is Wanted.DONE else None
        case Phase.ROLLED_BACK:
            return ExitCode.ROLLED_BACK if wanted is Wanted.DONE else _rolled_back(subject)
        case _:
            return None


def pause(subject: Subject) -> ExitCode | None:
    """WAITS_FOR_A_PERSON while only a person can bring the run on."""
    stalled = subject.condition(ConditionType.STALLED)
    is_stalled = stalled is not None and stalled.status is ConditionStatus.TRUE
    waits = subject.is_seen and (is_stalled or subject.reason == Reason.SUSPENDED)
    return ExitCode.WAITS_FOR_A_PERSON if waits else None


def wanted_by_spec(subject: Subject) -> Wanted:
    """What the object itself asks for."""
    return _WANTED_BY[subject.desired_state]


def _rolled_back(subject: Subject) -> ExitCode:
    rollback = subject.status.rollback
    is_partial = rollback is not None and rollback.result is RollbackResult.PARTIAL
    return ExitCode.FAILED if is_partial else ExitCode.WANTED
