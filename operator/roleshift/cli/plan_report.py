"""A plan for the terminal and for programs. Pure."""

import re
import textwrap
from collections.abc import Iterator
from inspect import cleandoc
from itertools import pairwise
from typing import Any

from roleshift.cli.formats import printable
from roleshift.cli.matrix import matrix_lines
from roleshift.cli.plan_review import WHEN_OPEN, PlanReview
from roleshift.cli.safety_report import check_lines, score_line
from roleshift.cli.symbols import Symbols
from roleshift.cli.wrapping import INDENT, hanging, item
from roleshift.engine.facts.dependencies import Dependent
from roleshift.engine.facts.table import CollisionFacts
from roleshift.engine.mapping import shortfalls
from roleshift.engine.projection import plan_status, safety_status

LEGEND = (
    "migration_backup_… is the before-image; the UPDATE is run for one range of it after the other "
    "(:first, :last), with the mapping above and :written_at, when the transaction began."
)
_QUOTED = r""""(?:[^"]|"")*"|'(?:[^']|'')*'"""
_COMMA = re.compile(rf"({_QUOTED})|, ")
_LONGEST_LINE = 100
_DEEPER = " " * 8
_CLAUSES = "SELECT|SET|FROM|INNER JOIN|LEFT JOIN|CROSS JOIN|WHERE|USING|WHEN|ELSE"
_BREAK = re.compile(rf"({_QUOTED})|(?<!DELETE) (?=(?:{_CLAUSES}) )|(?<=,) (?=\"(?:[^\"]|\"\")+\" = )")


def as_document(made: PlanReview) -> dict[str, Any]:
    """The plan as JSON: `plan` is what status.plan of the object would be, `safety` its status.safety."""
    return {
        **made.heading_document,
        "plan": plan_status(made.plan).dump() if made.plan else None,
        "roles": _roles_document(made),
        "lookAt": made.look_at,
        "namingRoles": [_naming_document(one) for one in made.naming],
        "safety": safety_status(made.found.findings).dump(),
    }


def _naming_document(one: Dependent) -> dict[str, Any]:
    return {
        "kind": str(one.kind),
        "name": one.name,
        "roles": list(one.roles),
        "definition": one.definition,
    }


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
    lines += _section("What names roles that go away", _definitions(made))
    lines += _section("Statements", _statements(made, width))
    lines += ["", score_line(made)]
    lines += [line for one in made.fallen for line in check_lines(one, symbols, width)]
    lines += ["", *(line for text in made.verdict(WHEN_OPEN) for line in textwrap.wrap(text, width))]
    return "\n".join(map(printable, lines))


def readable(statement: str) -> str:
    """A statement in several lines, broken where a clause begins, and long lists; never inside of quotes."""
    broken = _BREAK.sub(lambda found: found[1] or "\n    ", statement)
    return broken if "\n" in statement else "\n".join(map(_folded, broken.split("\n")))


def _folded(line: str) -> str:
    """A long line broken after commas, as late as it fits."""
    begun, folded = 0, []
    places = [found.end() for found in _COMMA.finditer(line) if found[1] is None]
    for end, following in pairwise([*places, len(line)]):
        if following - begun > _LONGEST_LINE:
            folded.append(line[begun : end - 1])
            begun = end
    return f"\n{_DEEPER}".join([*folded, line[begun:]])


def _section(title: str, body: Iterator[str]) -> list[str]:
    lines = list(body)
    return ["", *([title] if title else []), *lines] if lines else []


def _matrix(made: PlanReview, symbols: Symbols) -> Iterator[str]:
    for cell, line in zip(made.cells, matrix_lines(made.cells, symbols), strict=True):
        mark = f"{symbols.stronger} " if cell in made.stronger else INDENT
        yield f"{mark if made.stronger else INDENT}{line}"


def _definitions(made: PlanReview) -> Iterator[str]:
    for one in made.naming:
        yield f"{INDENT}{one.kind} {one.name}"
        yield from textwrap.indent(cleandoc(one.definition), INDENT * 2).splitlines()


def _statements(made: PlanReview, width: int) -> Iterator[str]:
    if made.plan is None:
        return
    for statement in made.plan.statements:
        yield from textwrap.indent(f"{readable(statement)};", INDENT).splitlines()
    yield from textwrap.wrap(LEGEND, width, initial_indent=INDENT, subsequent_indent=INDENT)
