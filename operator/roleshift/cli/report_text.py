"""The report of a run as text, part by part; nothing of the status is left out. Pure."""

import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime

from roleshift.api import PlanStatus, StepStatus
from roleshift.cli.formats import count, duration, printable
from roleshift.cli.matrix import matrix_lines
from roleshift.cli.safety_report import result_lines
from roleshift.cli.screen import UNSEEN
from roleshift.cli.subject import Subject
from roleshift.cli.symbols import Symbols
from roleshift.engine.amounts import amount, measured_seconds
from roleshift.engine.report import Comparison, comparisons

_INDENT = "  "
_NAMES = {"lock": "Table locked", "wal": "WAL, image and write", "image": "Image"}
_BELOW = " " * 12
_NAME_CELLS = 22
_FIGURE_CELLS = 12


def as_text(subject: Subject, symbols: Symbols, width: int) -> str:
    """The report as people read it.

    Args:
        width: of the output, in character cells.
    """
    parts = (
        ("", _summary(subject, width)),
        ("Plan", _plan(subject, symbols, width)),
        ("Timeline", _timeline(subject, width)),
        ("Estimates, and what they came to", _estimates(subject)),
        ("Safety checks", _safety(subject, symbols, width)),
        ("Backup", _backup(subject)),
        ("Verification", _verification(subject, symbols, width)),
        ("Rollback", _rollback(subject, width)),
    )
    written = ("\n".join(_part(title, body)) for title, body in parts)
    return "\n\n".join(part for part in written if part)


def _part(title: str, body: Iterable[str]) -> list[str]:
    lines = [printable(line) for line in body]
    return [*([title] if title else []), *lines] if lines else []


def _summary(subject: Subject, width: int) -> Iterator[str]:
    status = subject.status
    yield f"{subject} on {subject.table}" if subject.table else str(subject)
    if status.observed_generation < 0:
        yield UNSEEN
        return
    reason = f", {subject.reason}" if subject.reason and subject.reason != status.phase else ""
    message = " ".join(subject.message.split())
    yield from textwrap.wrap(f"{status.phase}{reason}: {message}" if message else f"{status.phase}", width)
    if status.run_id:
        yield f"Run {status.run_id}"
    if status.start_time is not None:
        yield _when(status.start_time, status.completion_time)


def _when(begun: datetime, ended: datetime | None) -> str:
    if ended is None:
        return f"Begun {begun:%Y-%m-%d %H:%M:%S} UTC"
    same_day = begun.date() == ended.date()
    until = f"{ended:%H:%M:%S}" if same_day else f"{ended:%Y-%m-%d %H:%M:%S}"
    return f"{begun:%Y-%m-%d %H:%M:%S} to {until} UTC, {duration(ended - begun)}"


def _plan(subject: Subject, symbols: Symbols, width: int) -> Iterator[str]:
    plan = subject.status.plan
    if plan is None:
        return
    yield f"{_INDENT}{plan.hash}: {count(plan.rows, 'row')}"
    yield from (f"{_INDENT}{line}" for line in matrix_lines(plan.matrix, symbols))
    for fact in _facts(plan):
        yield from _wrapped(fact, width)


def _facts(plan: PlanStatus) -> Iterator[str]:
    yield f"escalations: {'; '.join(plan.escalations) or 'none'}"
    yield f"collisions: {count(plan.collisions) if plan.collisions else 'none'}"
    yield "reversible by the mapping alone" if plan.reversible else "not reversible by the mapping alone"
    if plan.lock:
        yield plan.lock


def _timeline(subject: Subject, width: int) -> Iterator[str]:
    for step in subject.status.steps:
        again = f", attempt {step.attempts}" if step.attempts > 1 else ""
        yield f"{_INDENT}{_at(step):<10}{step.name:<13}{_took(step):>8}  {step.state}{again}".rstrip()
        message = " ".join(step.message.split())
        yield from textwrap.wrap(
            message, width, initial_indent=_BELOW, subsequent_indent=_BELOW, break_on_hyphens=False
        )


def _at(step: StepStatus) -> str:
    return f"{step.start_time:%H:%M:%S}" if step.start_time else ""


def _took(step: StepStatus) -> str:
    if step.start_time is None or step.completion_time is None:
        return ""
    return duration(step.completion_time - step.start_time)


def _estimates(subject: Subject) -> Iterator[str]:
    found = comparisons(subject.status)
    if not found:
        return
    yield _row("", "estimated", "came to", "")
    for one in found:
        estimated = "not known" if one.estimated is None else _figure(one, one.estimated)
        yield _row(_NAMES[one.what], estimated, _figure(one, one.measured), one.note)


def _figure(one: Comparison, value: float) -> str:
    return measured_seconds(value) if one.unit == "seconds" else amount(value)


def _row(name: str, estimated: str, measured: str, note: str) -> str:
    figures = f"{estimated:>{_FIGURE_CELLS}}{measured:>{_FIGURE_CELLS}}"
    return f"{_INDENT}{name:<{_NAME_CELLS}}{figures}  {note}".rstrip()


def _safety(subject: Subject, symbols: Symbols, width: int) -> Iterator[str]:
    safety = subject.status.safety
    if safety is None:
        return
    yield f"{_INDENT}score {safety.score} of 100"
    for check in safety.results:
        yield from result_lines(check.name, check.result, check.message, symbols, width)


def _backup(subject: Subject) -> Iterator[str]:
    kept = subject.status.backup
    if kept is None:
        return
    state = "compared with the table" if kept.verified else "not verified"
    until = f", kept until {kept.expires_time:%Y-%m-%d}" if kept.expires_time else ""
    yield f"{_INDENT}{kept.name}"
    yield f"{_INDENT}{count(kept.rows, 'row')}, {state}{until}"
    if kept.checksum:
        yield f"{_INDENT}checksum {kept.checksum}"


def _verification(subject: Subject, symbols: Symbols, width: int) -> Iterator[str]:
    found = subject.status.validation
    for one in found.results if found else ():
        yield from result_lines(one.name, one.result, one.message, symbols, width)


def _rollback(subject: Subject, width: int) -> Iterator[str]:
    told = subject.status.rollback
    if told is None:
        return
    facts = [f"result {told.result}"] if told.result else ["under way"]
    facts += [f"asked for by {told.requested_by}"] if told.requested_by else []
    facts += [f"{count(told.rows_restored, 'row')} restored"] if told.rows_restored is not None else []
    facts += [f"{count(told.conflicts, 'conflict')}"] if told.conflicts else []
    facts += [f"{count(told.remaining, 'row')} left"] if told.remaining else []
    yield from _wrapped(", ".join(facts), width)
    if told.reason:
        yield from _wrapped(f"why: {told.reason}", width)
    if told.examples:
        yield from _wrapped(f"conflicts, for example: {', '.join(told.examples)}", width)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=_INDENT, subsequent_indent=_INDENT * 2)
