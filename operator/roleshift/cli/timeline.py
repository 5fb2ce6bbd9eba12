"""The way of a run on the status screen: a mark, a duration and a sentence for each phase. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from roleshift.api import Phase, RoleMigrationStatus, StepState, StepStatus
from roleshift.cli.formats import duration


class Mark(StrEnum):
    """Where a phase stands; named after the fields of `Symbols`."""

    DONE = "done"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    UNDONE = "undone"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Line:
    """One phase of the run."""

    phase: Phase
    mark: Mark
    duration: str = ""
    message: str = ""


_FORWARD = (Phase.CHECKING, Phase.BACKING_UP, Phase.MIGRATING, Phase.VALIDATING)
_MARKS = {
    StepState.RUNNING: Mark.RUNNING,
    StepState.WAITING: Mark.WAITING,
    StepState.SUCCEEDED: Mark.DONE,
    StepState.FAILED: Mark.FAILED,
}
_ENDS = {Phase.DONE: Mark.DONE, Phase.ROLLED_BACK: Mark.UNDONE, Phase.FAILED: Mark.FAILED}


def timeline(status: RoleMigrationStatus, now: datetime) -> list[Line]:
    """The phases that were, the one that is, and those that come when all goes well."""
    steps = {step.name: step for step in status.steps}
    return [_line(phase, steps.get(phase), status, now) for phase in _way(status, set(steps))]


def _way(status: RoleMigrationStatus, begun: set[str]) -> Iterator[Phase]:
    """Forward to Done; at an end, and on the way back, only what was begun."""
    returns = status.phase in (Phase.ROLLING_BACK, Phase.ROLLED_BACK)
    ended_early = returns or status.phase in (Phase.FAILED, Phase.DONE)
    yield from (phase for phase in _FORWARD if phase in begun or not ended_early)
    if status.phase is Phase.ROLLING_BACK or Phase.ROLLING_BACK in begun:
        yield Phase.ROLLING_BACK
    yield Phase.FAILED if status.phase is Phase.FAILED else Phase.ROLLED_BACK if returns else Phase.DONE


def _line(phase: Phase, step: StepStatus | None, status: RoleMigrationStatus, now: datetime) -> Line:
    if step is None:
        return _line_without_step(phase, status)
    return Line(phase, _MARKS[step.state], _duration(step, now), _told(step))


def _line_without_step(phase: Phase, status: RoleMigrationStatus) -> Line:
    if phase is not status.phase:
        return Line(phase, Mark.AHEAD)
    if phase not in _ENDS:
        return Line(phase, Mark.RUNNING)
    begun, ended = status.start_time, status.completion_time
    if begun is None or ended is None:
        return Line(phase, _ENDS[phase])
    return Line(phase, _ENDS[phase], duration(ended - begun), "in all")


def _duration(step: StepStatus, now: datetime) -> str:
    if step.start_time is None:
        return ""
    return duration((step.completion_time or now) - step.start_time)


def _told(step: StepStatus) -> str:
    """What a step that ended did; one that goes on is told of below, with the reason."""
    if step.completion_time is None:
        return f"attempt {step.attempts}" if step.attempts > 1 else ""
    again = f"attempt {step.attempts}: " if step.attempts > 1 else ""
    return f"{again}{' '.join(step.message.split())}"
