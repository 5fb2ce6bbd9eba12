"""The status screen: one run on one screen of 80 columns, as a renderable. Pure; `watching` prints it."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from roleshift.api import ConditionStatus, Phase, ProgressStatus
from roleshift.cli.formats import count, duration
from roleshift.cli.sections import SECTIONS
from roleshift.cli.subject import Subject
from roleshift.cli.symbols import UNICODE, Symbols
from roleshift.cli.timeline import Mark, timeline

_STYLES = {
    Mark.DONE: "green",
    Mark.RUNNING: "bold cyan",
    Mark.WAITING: "yellow",
    Mark.FAILED: "bold red",
    Mark.UNDONE: "magenta",
    Mark.AHEAD: "dim",
}
_WRITING = (Phase.CHECKING, Phase.MIGRATING, Phase.ROLLING_BACK)
"""Checking writes when it rehearses, and shows no progress otherwise."""
_BAR_CELLS = 40
_INDENT = 2
_LABEL_WIDTH = 10
UNSEEN = "The operator has not looked at this yet. Is it running?"
_CHANGED = "This was changed, and the operator has not looked at it since."


def screen(subject: Subject, now: datetime, symbols: Symbols = UNICODE) -> RenderableType:
    """Everything that a person wants to know of a run; what it comes to stands last.

    Args:
        subject: the object.
        now: what running durations and the remaining time are measured to.
        symbols: what the output can show.
    """
    parts = [
        _head(subject, now, symbols),
        _phases(subject, now, symbols),
        _progress(subject, now, symbols),
        _details(subject, symbols),
        _verdict(subject),
    ]
    spaced = [piece for part in parts if part is not None for piece in (part, Text())]
    return Group(*spaced[:-1])


def _head(subject: Subject, now: datetime, symbols: Symbols) -> Text:
    table = f" {symbols.dot} table {subject.table}" if subject.table else ""
    facts = [f"run {subject.status.run_id}"] if subject.status.run_id else []
    if subject.status.start_time:
        facts += [f"began {duration(now - subject.status.start_time)} ago"]
    facts += ["suspend is set"] if subject.suspended else []
    head = Text.assemble((str(subject), "bold"), (table, "dim"))
    return head.append(f"\n{f' {symbols.dot} '.join(facts)}", "dim") if facts else head


def _phases(subject: Subject, now: datetime, symbols: Symbols) -> Table:
    table = _grid()
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for line in timeline(subject.status, now):
        style = _STYLES[line.mark]
        sign = getattr(symbols, line.mark)
        told = Text(line.message, "dim", no_wrap=True, overflow=symbols.overflow)
        table.add_row("", Text(f"{sign} {line.phase}", style), line.duration, told)
    return table


def _progress(subject: Subject, now: datetime, symbols: Symbols) -> RenderableType | None:
    progress = subject.status.progress
    if progress is None or subject.status.phase not in _WRITING:
        return None
    full = _BAR_CELLS * progress.percent // 100
    bar = Text.assemble(
        " " * _INDENT,
        (symbols.full * full, "cyan"),
        (symbols.empty * (_BAR_CELLS - full), "dim"),
        (f"  {progress.percent}%", "bold"),
    )
    return Group(bar, Text(" " * _INDENT + f" {symbols.dot} ".join(_figures(progress, now))))


def _figures(progress: ProgressStatus, now: datetime) -> Iterator[str]:
    yield f"{count(progress.rows_processed)} of {count(progress.rows_total, 'row')}"
    if progress.rows_per_second:
        yield f"{count(progress.rows_per_second)} rows/s"
    if progress.estimated_completion_time:
        yield f"ETA {duration(progress.estimated_completion_time - now)}"
    if progress.throttled_by:
        yield f"throttled by {progress.throttled_by}"


def _details(subject: Subject, symbols: Symbols) -> Table | None:
    table = _grid()
    table.add_column()
    for label, section in SECTIONS:
        for index, line in enumerate(section(subject.status, symbols)):
            table.add_row("", Text(label if index == 0 else "", "dim"), line)
    return table if table.row_count else None


def _verdict(subject: Subject) -> Text:
    phase, ready = subject.status.phase, subject.ready
    if not subject.is_seen:
        return Text(UNSEEN if subject.status.observed_generation < 0 else _CHANGED, "yellow")
    if ready is None:
        return Text(phase, "bold")
    if ready.reason == phase:
        return Text(phase, _style_of(subject))
    return Text.assemble((f"{phase}, {ready.reason}", _style_of(subject)), f": {ready.message}")


def _style_of(subject: Subject) -> str:
    if subject.ready and subject.ready.status is ConditionStatus.TRUE:
        return "bold green"
    ended = subject.status.phase in (Phase.FAILED, Phase.ROLLED_BACK)
    return "bold red" if ended else "bold cyan"


def _grid() -> Table:
    """A grid whose first column indents and whose second one is as wide as the longest label."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=0)
    table.add_column(min_width=_LABEL_WIDTH, no_wrap=True)
    return table
