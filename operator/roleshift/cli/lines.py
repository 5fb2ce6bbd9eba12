"""One line for what happens to a run: for logs, pipes and `wait`, where no screen can be redrawn. Pure."""

from roleshift.api import ProgressStatus
from roleshift.cli.formats import count
from roleshift.cli.subject import Subject

_STEP_PERCENT = 10


def summary(subject: Subject) -> str:
    """Where the run is and why: `people/x: Done, MigrationCompleted: 100,000 rows migrated`."""
    phase = subject.status.phase
    if subject.reason in ("", phase):
        return f"{subject}: {phase}"
    return f"{subject}: {phase}, {subject.reason}: {' '.join(subject.message.split())}"


def change(before: Subject | None, after: Subject) -> str:
    """A line when phase, reason or tenth of the progress has changed, else ""."""
    if before is not None and _told(before) == _told(after):
        return ""
    progress = after.status.progress
    same_step = before is not None and _told(before)[:2] == _told(after)[:2]
    if same_step and progress is not None:
        return f"{after}: {after.status.phase} {_figures(progress)}"
    return summary(after)


def _told(subject: Subject) -> tuple[str, str, int]:
    progress = subject.status.progress
    tenth = progress.percent // _STEP_PERCENT if progress else 0
    return (subject.status.phase, subject.reason, tenth)


def _figures(progress: ProgressStatus) -> str:
    rows = f"{count(progress.rows_processed)} of {count(progress.rows_total, 'row')}"
    speed = f", {count(progress.rows_per_second)} rows/s" if progress.rows_per_second else ""
    return f"{progress.percent}%: {rows}{speed}"
