"""What a look at a database found, for people and for programs. Pure."""

import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from roleshift.api.safety import CheckResult
from roleshift.cli.formats import count
from roleshift.cli.look import Look
from roleshift.cli.symbols import Symbols
from roleshift.engine.checks import Finding
from roleshift.engine.projection import safety_status

_NAME_CELLS = 26


def as_document(look: Look) -> dict[str, Any]:
    """The report as JSON: `safety` is what status.safety of the object would be."""
    found = look.found
    return {
        **look.heading_document,
        "safety": safety_status(found.findings).dump(),
        "plan": {"hash": found.plan.hash, "rows": found.plan.proof.rows} if found.plan else None,
    }


def as_text(look: Look, symbols: Symbols, width: int) -> str:
    """The report as people read it: checks by category, score, gate.

    Args:
        width: of the output, in character cells.
    """
    lines = [f"{look.name} on {look.table}"]
    for category, findings in groupby(look.found.findings, lambda finding: finding.category):
        lines += ["", str(category)]
        lines += [line for finding in findings for line in check_lines(finding, symbols, width)]
    lines += ["", *textwrap.wrap(score_line(look), width)]
    lines += [line for text in look.verdict(_open(look)) for line in textwrap.wrap(text, width)]
    return "\n".join(lines)


def check_lines(finding: Finding, symbols: Symbols, width: int) -> Iterator[str]:
    """One check: sign, name, and its message beside them."""
    return result_lines(finding.name, finding.result, finding.judgement.message, symbols, width)


def result_lines(name: str, result: CheckResult, message: str, symbols: Symbols, width: int) -> Iterator[str]:
    """What a check or a verification came to: sign, name, and its message beside them."""
    signs = {
        CheckResult.PASSED: symbols.done,
        CheckResult.WARNING: symbols.warning,
        CheckResult.FAILED: symbols.failed,
        CheckResult.UNKNOWN: "?",
        CheckResult.WAIVED: symbols.undone,
    }
    head = f"  {signs[result]} {name:<{_NAME_CELLS}}"
    rest = " " * len(head)
    if not message:
        yield head.rstrip()
    for line in message.splitlines():
        wrapped = textwrap.TextWrapper(
            max(width, len(head) + 20),
            initial_indent=head,
            subsequent_indent=rest,
            break_on_hyphens=False,
            break_long_words=False,
        )
        yield from wrapped.wrap(line)
        head = rest


def score_line(look: Look) -> str:
    """Score, minimum, and how many checks came to what."""
    safety = safety_status(look.found.findings)
    named = {
        "passed": safety.passed,
        "warned": safety.warnings,
        "failed": safety.failed,
        "unknown": safety.unknown,
        "waived": safety.waived,
    }
    counts = ", ".join(f"{number} {name}" for name, number in named.items() if number)
    minimum = look.migration.spec.checks.minimum_score
    return f"Safety score {safety.score} of 100, minimumScore {minimum}: {counts}"


def _open(look: Look) -> str:
    plan = look.found.plan
    if plan is None:
        return ""
    return f"The gate is open: {count(plan.proof.rows, 'row')} would change. Nothing was written."
