"""A rehearsal for the terminal, for programs and for a pull request. Pure.

At a terminal each phase is told when it has passed, so the text comes in three parts.
"""

import textwrap
from typing import Any

from roleshift.cli import markdown
from roleshift.cli.formats import printable
from roleshift.cli.rehearsed import Rehearsed, Result
from roleshift.cli.safety_report import check_lines, score_line
from roleshift.cli.symbols import Symbols
from roleshift.cli.wrapping import hanging, item
from roleshift.engine.outcome import Advance
from roleshift.engine.projection import safety_status
from roleshift.engine.rehearsal import RowSet
from roleshift.engine.run import LogEntry, LogOutcome
from roleshift.engine.verification import Verdict

_SIGNS = {
    Result.COMPLETED: ":white_check_mark:",
    Result.INCOMPLETE: ":grey_question:",
    Result.FAILED: ":x:",
    Result.NOT_BEGUN: ":no_entry:",
}
_NOT_REHEARSED = "Not rehearsed, and so not known to work"


def as_document(made: Rehearsed) -> dict[str, Any]:
    """The report as JSON."""
    look, found = made.look, made.found
    return {
        **look.heading_document,
        "planHash": look.found.plan.hash if look.found.plan else None,
        "result": made.result,
        "reason": None if found is None or isinstance(found.end, Advance) else found.end.reason,
        "message": " ".join(made.verdict),
        "way": made.way,
        "notRehearsed": made.not_rehearsed,
        "rehearsal": _rehearsal(made),
        "safety": safety_status(look.found.findings).dump(),
    }


def _rehearsal(made: Rehearsed) -> dict[str, Any] | None:
    found = made.found
    if found is None:
        return None
    return {
        "steps": [_step(step) for step in found.steps],
        "validation": [
            {"name": one.name, "result": one.verdict, "message": one.message} for one in found.verification
        ],
        "rows": found.rows,
        "lockSeconds": round(found.lock_seconds, 3),
        "walBytes": found.wal_bytes,
        "rowSet": {
            "before": _row_set(found.before),
            "after": _row_set(found.after),
            "equal": found.before == found.after if found.after else None,
        },
    }


def _step(step: LogEntry) -> dict[str, Any]:
    return {
        "name": step.step,
        "result": Verdict.PASSED if step.outcome is LogOutcome.REHEARSED else Verdict.FAILED,
        "seconds": round((step.ended_at - step.started_at).total_seconds(), 3),
        "rows": step.rows,
        "message": step.message,
    }


def _row_set(found: RowSet | None) -> dict[str, Any] | None:
    return None if found is None else {"rows": found.rows, "hash": found.checksum}


def head(made: Rehearsed) -> str:
    """What is known before the rehearsal: whose it is, and the plan."""
    plan = made.look.found.plan
    known = f"Plan {plan.hash}" if plan else "There is no plan yet: the gate says why."
    return f"{made.look.name} on {made.look.table}\n{known}\n"


def tail(made: Rehearsed, symbols: Symbols, width: int) -> str:
    """What is known after its last phase.

    Args:
        width: of the output, in character cells.
    """
    lines: list[str] = []
    if made.found is None:
        fallen = [one for one in made.look.found.findings if one.result != "Passed"]
        lines += [line for one in fallen for line in check_lines(one, symbols, width)]
        lines += ["", score_line(made.look)]
    lines += ["", *textwrap.wrap(made.headline, width)]
    lines += [line for label, text in made.points for line in hanging(label, text, width)]
    if made.found is not None:
        failed = [one for one in made.found.verification if one.verdict is not Verdict.PASSED]
        lines += [f"  {symbols.failed} {one.name}: {one.message}" for one in failed]
    if made.not_rehearsed:
        lines += ["", f"{_NOT_REHEARSED}:"]
        lines += [line for text in made.not_rehearsed for line in item(text, width)]
    lines += ["", *(line for text in made.verdict for line in textwrap.wrap(text, width))]
    return "\n".join(map(printable, lines)).removeprefix("\n")


def as_markdown(made: Rehearsed) -> str:
    """The report for a pull request; names are escaped."""
    plan = made.look.found.plan
    parts = [
        f"### Rehearsal of {markdown.text(made.look.name)} on {markdown.text(made.look.table)}",
        f"{_SIGNS[made.result]} {'<br>'.join(map(markdown.text, made.verdict))}",
        markdown.text(made.headline),
        _phases(made),
        f"Plan hash `{plan.hash}`" if plan else "",
        markdown.labelled(made.points),
        _validation(made),
        markdown.listed(_NOT_REHEARSED, made.not_rehearsed),
        _checks(made),
    ]
    return "\n\n".join(part for part in parts if part)


def _phases(made: Rehearsed) -> str:
    if made.found is None:
        return ""
    rows = [
        (
            str(step.step),
            "went well" if step.outcome is LogOutcome.REHEARSED else "failed",
            f"{(step.ended_at - step.started_at).total_seconds():.1f} s",
            step.message,
        )
        for step in made.found.steps
    ]
    return markdown.table(("Phase", "Result", "Time", "Message"), rows, "---|---|---:|---")


def _validation(made: Rehearsed) -> str:
    found = made.found.verification if made.found else ()
    if not found:
        return ""
    rows = [(one.name, str(one.verdict), one.message) for one in found]
    table = markdown.table(("Verification", "Result", "Message"), rows, "---|---|---")
    return markdown.folded(f"{len(rows)} verifications", table)


def _checks(made: Rehearsed) -> str:
    fallen = [one for one in made.look.found.findings if one.result != "Passed"]
    rows = [(one.name, one.result, one.severity, one.judgement.message) for one in fallen]
    table = markdown.table(("Check", "Result", "Severity", "Message"), rows, "---|---|---|---")
    return markdown.folded(score_line(made.look), table if rows else "Every check passed.")
