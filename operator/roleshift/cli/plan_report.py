"""A plan for the terminal and for programs. Pure."""

import re
import textwrap
from collections.abc import Iterator
from typing import Any

from roleshift.api.base import StatusModel
from roleshift.cli.formats import count
from roleshift.cli.plan_review import WHEN_OPEN, PlanReview
from roleshift.cli.safety_report import check_lines, score_line
from roleshift.cli.symbols import Symbols
from roleshift.cli.wrapping import INDENT, hanging, item, printable
from roleshift.engine.facts.table import CollisionFacts
from roleshift.engine.mapping import shortfalls
from roleshift.engine.projection import plan_status, safety_status

LEGEND = (
    "migration_backup_… is the before-image; the UPDATE is run for one range of it after the other "
    "(:first, :last), with the mapping above and :written_at, when the transaction began."
)
_QUOTED = r""""(?:[^"]|"")*"|'(?:[^']|'')*'"""
_BREAK = re.compile(
    rf"({_QUOTED})| (?=(?:SELECT|SET|FROM|INNER JOIN|WHERE) )|(?<=,) (?=\"(?:[^\"]|\"\")+\" = )"
)


def as_document(made: PlanReview) -> dict[str, Any]:
    """The plan as JSON: `plan` is what status.plan of the object would be, `safety` its status.safety."""
    meta = made.migration.metadata
    return {
        "namespace": meta.namespace,
        "name": meta.name,
        "table": made.table,
        "gate": made.gate_document,
        "notSupported": list(made.refused),
        "plan": _dumped(plan_status(made.plan)) if made.plan else None,
        "roles": _roles_document(made),
        "lookAt": made.look_at,
        "safety": _dumped(safety_status(made.found.findings)),
    }


def _dumped(part: StatusModel) -> dict[str, Any]:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)


def _roles_document(made: PlanReview) -> dict[str, Any] | None:
    proof, found = made.proof, made.found.facts.collisions
    if proof is None:
        return None
    minimums = made.migration.spec.privileges.keep_at_least
    short = {one.role for one in shortfalls(proof.after, minimums)}
    return {
        "rows": made.rows,
        "rowsThatChange": proof.rows,
        "inNewRoleAlready": dict(proof.arrived),
        "unmapped": dict(proof.unmapped),
        "withoutRole": proof.null_rows,
        "heldByNobody": list(proof.unused),
        "collisionExamples": list(found.examples) if isinstance(found, CollisionFacts) else [],
        "keepAtLeast": [
            {
                "role": one.role,
                "count": one.count,
                "after": proof.after.get(one.role, 0),
                "holds": one.role not in short,
            }
            for one in minimums
        ],
    }


def as_text(made: PlanReview, symbols: Symbols, width: int) -> str:
    """The plan as people read it at a terminal.

    Args:
        width: of the output, in character cells.
    """
    lines = [f"{made.name} on {made.table}"]
    lines += [f"Plan {made.plan.hash}" if made.plan else "There is no plan yet: the gate says why."]
    lines += ["", made.headline, *_matrix(made, symbols)]
    lines += _section("", (line for point in made.points for line in hanging(*point, width)))
    lines += _section("Look at", (line for text in made.look_at for line in item(text, width)))
    lines += _section("Statements", _statements(made, width))
    lines += ["", score_line(made)]
    lines += [line for one in made.fallen for line in check_lines(one, symbols, width)]
    lines += ["", *(line for text in made.verdict(WHEN_OPEN) for line in textwrap.wrap(text, width))]
    return "\n".join(map(printable, lines))


def readable(statement: str) -> str:
    """A statement in several lines, broken where a clause begins and never inside of quotes."""
    return _BREAK.sub(lambda found: found[1] or "\n    ", statement)


def _section(title: str, body: Iterator[str]) -> list[str]:
    lines = list(body)
    return ["", *([title] if title else []), *lines] if lines else []


def _matrix(made: PlanReview, symbols: Symbols) -> Iterator[str]:
    cells = made.cells
    froms = max((len(cell.from_role) for cell in cells), default=0)
    tos = max((len(cell.to_role) for cell in cells), default=0)
    levels = max((len(cell.seniority or "") for cell in cells), default=0)
    widest = max((len(count(cell.rows)) for cell in cells), default=0)
    for cell in cells:
        level = f"  {cell.seniority or '':<{levels}}" if levels else ""
        route = f"{cell.from_role:<{froms}} {symbols.arrow} {cell.to_role:<{tos}}"
        yield f"{INDENT}{route}{level}  {count(cell.rows):>{widest}} {'row' if cell.rows == 1 else 'rows'}"


def _statements(made: PlanReview, width: int) -> Iterator[str]:
    if made.plan is None:
        return
    for statement in made.plan.statements:
        yield from textwrap.indent(f"{readable(statement)};", INDENT).splitlines()
    yield from textwrap.wrap(LEGEND, width, initial_indent=INDENT, subsequent_indent=INDENT)
