"""What a look at a database found, for people and for programs. Pure."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from roleshift.api import RoleMigration
from roleshift.api.safety import CheckResult
from roleshift.cli.formats import count
from roleshift.cli.symbols import Symbols
from roleshift.engine.checks import Finding
from roleshift.engine.projection import safety_status
from roleshift.engine.score import GateOpen
from roleshift.phases.examination import Examination

_NAME_CELLS = 26


def as_document(migration: RoleMigration, found: Examination, refused: Sequence[str]) -> dict[str, Any]:
    """The report as JSON: `safety` is what status.safety of the object would be.

    Args:
        refused: what the manifest asks for and this version does not do.
    """
    return {
        "namespace": migration.metadata.namespace,
        "name": migration.metadata.name,
        "table": table_of(migration),
        "gate": gate_document(migration, found, refused),
        "notSupported": list(refused),
        "safety": safety_status(found.findings).model_dump(mode="json", by_alias=True, exclude_none=True),
        "plan": {"hash": found.plan.hash, "rows": found.plan.proof.rows} if found.plan else None,
    }


def gate_document(migration: RoleMigration, found: Examination, refused: Sequence[str]) -> dict[str, Any]:
    """Whether the gate is open, and why not."""
    gate = found.gate
    is_open = isinstance(gate, GateOpen) and not refused
    closed = {} if isinstance(gate, GateOpen) else {"reason": gate.reason, "message": gate.message}
    return {"open": is_open, "minimumScore": migration.spec.checks.minimum_score, **closed}


def as_text(
    migration: RoleMigration, found: Examination, refused: Sequence[str], symbols: Symbols, width: int
) -> str:
    """The report as people read it: checks by category, score, gate.

    Args:
        width: of the output, in character cells.
    """
    meta = migration.metadata
    lines = [f"{meta.namespace}/{meta.name} on {table_of(migration)}"]
    for category, findings in groupby(found.findings, lambda finding: finding.category):
        lines += ["", str(category)]
        lines += [line for finding in findings for line in check_lines(finding, symbols, width)]
    lines += ["", *textwrap.wrap(score_line(migration, found), width)]
    lines += [line for text in _verdict(found, refused) for line in textwrap.wrap(text, width)]
    return "\n".join(lines)


def check_lines(finding: Finding, symbols: Symbols, width: int) -> Iterator[str]:
    """One check: sign, name, and its message beside them."""
    signs = {
        CheckResult.PASSED: symbols.done,
        CheckResult.WARNING: symbols.warning,
        CheckResult.FAILED: symbols.failed,
        CheckResult.UNKNOWN: "?",
        CheckResult.WAIVED: symbols.undone,
    }
    head = f"  {signs[finding.result]} {finding.name:<{_NAME_CELLS}}"
    rest = " " * len(head)
    for line in finding.judgement.message.splitlines():
        wrapped = textwrap.TextWrapper(
            max(width, len(head) + 20),
            initial_indent=head,
            subsequent_indent=rest,
            break_on_hyphens=False,
            break_long_words=False,
        )
        yield from wrapped.wrap(line)
        head = rest


def score_line(migration: RoleMigration, found: Examination) -> str:
    """Score, minimum, and how many checks came to what."""
    safety = safety_status(found.findings)
    named = {
        "passed": safety.passed,
        "warned": safety.warnings,
        "failed": safety.failed,
        "unknown": safety.unknown,
        "waived": safety.waived,
    }
    counts = ", ".join(f"{number} {name}" for name, number in named.items() if number)
    return f"Safety score {safety.score} of 100, minimumScore {migration.spec.checks.minimum_score}: {counts}"


def _verdict(found: Examination, refused: Sequence[str]) -> Iterator[str]:
    yield from (f"Not supported: {one}" for one in refused)
    gate = found.gate
    if not isinstance(gate, GateOpen):
        yield f"The gate is closed, {gate.reason}: {' '.join(gate.message.split())}"
    elif not refused and found.plan is not None:
        yield f"The gate is open: {count(found.plan.proof.rows, 'row')} would change. Nothing was written."


def table_of(migration: RoleMigration) -> str:
    """`schema.table` as the manifest names it."""
    target = migration.spec.target
    return f"{target.schema_name}.{target.table}"
