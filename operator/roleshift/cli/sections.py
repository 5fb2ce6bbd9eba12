"""The sections below the timeline of the status screen: safety, plan, backup and the rest. Pure.

Each function turns its part of the status into lines of text; no line means no section.
"""

from collections.abc import Callable, Iterator

from rich.text import Text

from roleshift.api import (
    CheckName,
    CheckResult,
    RoleMigrationStatus,
    RollbackResult,
    SafetyStatus,
)
from roleshift.cli.formats import count, size
from roleshift.cli.matrix import matrix_lines
from roleshift.cli.symbols import Symbols

_SHOWN_CELLS = 8
_NOT_TOLD = "?"
_STYLES = {
    CheckResult.PASSED: "green",
    CheckResult.WARNING: "yellow",
    CheckResult.WAIVED: "yellow",
    CheckResult.FAILED: "red",
    CheckResult.UNKNOWN: "red",
}

Section = Callable[[RoleMigrationStatus, Symbols], Iterator[Text]]


def safety(status: RoleMigrationStatus, symbols: Symbols) -> Iterator[Text]:
    """The score, and each check that lowers it with what to do."""
    if status.safety is None:
        return
    lowering = [check for check in status.safety.results if check.result is not CheckResult.PASSED]
    facts = [f"score {status.safety.score} of 100", f"{status.safety.passed} passed"]
    facts += [f"{number} {word}" for word, number in _not_passed(status.safety) if number]
    facts += [f"{len(status.safety.results)} of {len(CheckName)} checks made"]
    yield Text(f" {symbols.dot} ".join(facts))
    for check in lowering:
        sign = symbols.failed if check.result is CheckResult.FAILED else symbols.warning
        sign = _NOT_TOLD if check.result is CheckResult.UNKNOWN else sign
        yield _finding(sign, check.name, check.result, check.message)


def plan(status: RoleMigrationStatus, symbols: Symbols) -> Iterator[Text]:
    """How many rows go from which role to which, the largest groups first."""
    if status.plan is None:
        return
    cells = sorted(status.plan.matrix, key=lambda cell: -cell.rows)
    yield from map(Text, matrix_lines(cells[:_SHOWN_CELLS], symbols))
    if len(cells) > _SHOWN_CELLS:
        rest = sum(cell.rows for cell in cells[_SHOWN_CELLS:])
        yield Text(f"{symbols.dot} {len(cells) - _SHOWN_CELLS} more groups with {count(rest, 'row')}", "dim")
    if not cells:
        yield Text("no row has to change")


def backup(status: RoleMigrationStatus, symbols: Symbols) -> Iterator[Text]:
    """The image of the old roles."""
    kept = status.backup
    if kept is None:
        return
    yield Text(kept.name)
    facts = [count(kept.rows, "row")]
    facts += [size(kept.bytes)] if kept.bytes is not None else []
    facts += ["verified" if kept.verified else "not verified"]
    facts += [f"kept until {kept.expires_time:%Y-%m-%d}"] if kept.expires_time else []
    yield Text(f" {symbols.dot} ".join(facts), "" if kept.verified else "yellow")


def validation(status: RoleMigrationStatus, symbols: Symbols) -> Iterator[Text]:
    """How many verifications passed, and each that did not."""
    if status.validation is None:
        return
    results = status.validation.results
    failed = [result for result in results if result.result is not CheckResult.PASSED]
    yield Text(f"{len(results) - len(failed)} of {count(len(results), 'verification')} passed")
    for result in failed:
        yield _finding(symbols.failed, result.name, result.result, result.message)


def rollback(status: RoleMigrationStatus, symbols: Symbols) -> Iterator[Text]:
    """Who asked for it, and what came of it."""
    told = status.rollback
    if told is None:
        return
    asked = f"asked for by {told.requested_by}" if told.requested_by else ""
    reason = "" if told.reason in _messages(status) else told.reason
    if asked or reason:
        yield Text(": ".join(part for part in (asked, reason) if part))
    if told.result is RollbackResult.TRANSACTION_ROLLED_BACK:
        yield Text("the transaction was rolled back before it was committed")
    elif told.result is not None:
        facts = [str(told.result), f"{count(told.rows_restored or 0, 'row')} restored"]
        facts += [f"{count(told.remaining, 'row')} left"] if told.remaining else []
        facts += [f"{count(told.conflicts, 'conflict')}"] if told.conflicts else []
        yield Text(f" {symbols.dot} ".join(facts))
    if told.examples:
        yield Text(f"conflicts, for example: {', '.join(told.examples)}", "yellow")


def health(status: RoleMigrationStatus, symbols: Symbols) -> Iterator[Text]:
    """The database as it was last seen."""
    seen = status.health
    if seen is None:
        return
    known = [
        ("connections", seen.connections, ""),
        ("lock waiters", seen.lock_waiters, ""),
        ("longest transaction", seen.longest_transaction_seconds, " s"),
        ("replication lag", seen.replication_lag_seconds, " s"),
    ]
    yield Text(
        f" {symbols.dot} ".join(f"{name} {value}{unit}" for name, value, unit in known if value is not None)
    )


SECTIONS: tuple[tuple[str, Section], ...] = (
    ("Safety", safety),
    ("Plan", plan),
    ("Backup", backup),
    ("Validation", validation),
    ("Rollback", rollback),
    ("Health", health),
)


def _not_passed(safety: SafetyStatus) -> tuple[tuple[str, int], ...]:
    return (
        ("warned", safety.warnings),
        ("failed", safety.failed),
        ("unknown", safety.unknown),
        ("waived", safety.waived),
    )


def _messages(status: RoleMigrationStatus) -> set[str]:
    """What the conditions say; the screen ends with it, so that it need not stand twice."""
    return {condition.message for condition in status.conditions}


def _finding(sign: str, name: str, result: CheckResult, message: str) -> Text:
    style = _STYLES[result]
    return Text.assemble(
        (f"{sign} {name} {result}", style), f": {' '.join(message.split())}" if message else ""
    )
