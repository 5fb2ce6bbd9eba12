"""A plan as Markdown, to be pasted into a pull request. Pure.

Names come from the database and the manifest: they are escaped, so that none becomes a link, a mention,
markup or another row of a table.
"""

import re
from inspect import cleandoc

from roleshift.cli.formats import count, printable
from roleshift.cli.markdown import folded, labelled, listed, table, text
from roleshift.cli.plan_report import LEGEND, readable
from roleshift.cli.plan_review import WHEN_OPEN, PlanReview
from roleshift.cli.safety_report import score_line
from roleshift.cli.symbols import UNICODE

_LONGEST_RUN_OF_TICKS = re.compile(r"`+")
MOST_CHARACTERS = 60_000
"""GitHub takes 65,536 in a comment; what is put around the page needs some of them."""
_LEFT_OUT = (
    "_A part is left out here, because the page would be too long: `roleshift plan` without -o shows it._"
)
_MOST_CELLS = 40
"""Rows of the matrix that a page shows without being asked."""


def as_markdown(made: PlanReview) -> str:
    """The plan with its matrix, what to look at, and folded parts: definitions, statements and checks.

    A page that is longer than a comment may be leaves out the largest of these, and says so.
    """
    title = f"### Plan of {text(made.name)} on {text(made.table)}"
    known = f"Plan hash `{made.plan.hash}`" if made.plan else "There is no plan yet: the gate says why."
    parts = [title, _verdict(made), f"**{text(made.headline)}**", _matrix(made), known]
    parts += [listed("What to look at", made.look_at), labelled(made.points), _definitions(made)]
    parts += [_statements(made), _checks(made)]
    return "\n\n".join(_fitting([part for part in parts if part]))


def _fitting(parts: list[str]) -> list[str]:
    """As many parts as fit, without those that are left out first: the largest."""
    while sum(map(len, parts)) > MOST_CHARACTERS:
        largest = max(range(len(parts)), key=lambda place: len(parts[place]))
        parts[largest] = _LEFT_OUT
    return parts


def _verdict(made: PlanReview) -> str:
    sign = ":white_check_mark:" if made.is_open else ":no_entry:"
    return f"{sign} {'<br>'.join(map(text, made.verdict(WHEN_OPEN)))}"


def _matrix(made: PlanReview) -> str:
    if not made.cells:
        return ""
    head, ruler = ["From", "To", "Seniority", "Rows"], "---|---|---|---:"
    rows = [[c.from_role, c.to_role, c.seniority or "", count(c.rows)] for c in made.cells]
    if made.stronger:
        head, ruler = ["", *head], f"---|{ruler}"
        marks = [UNICODE.stronger if cell in made.stronger else "" for cell in made.cells]
        rows = [[mark, *row] for row, mark in zip(rows, marks, strict=True)]
    cells = table(head, rows, ruler)
    return cells if len(rows) <= _MOST_CELLS else folded(count(len(rows), "mapping"), cells)


def _definitions(made: PlanReview) -> str:
    blocks = [f"{text(f'{one.kind} {one.name}')}\n\n{_sql(cleandoc(one.definition))}" for one in made.naming]
    what = "1 definition that names" if len(blocks) == 1 else f"{len(blocks)} definitions that name"
    return folded(f"{what} roles which go away", "\n\n".join(blocks)) if blocks else ""


def _statements(made: PlanReview) -> str:
    if made.plan is None:
        return ""
    code = "\n".join(f"{readable(statement)};" for statement in made.plan.statements)
    return folded(count(len(made.plan.statements), "statement"), f"{_sql(code)}\n\n{text(LEGEND)}")


def _sql(code: str) -> str:
    """A block of code that nothing in it can end, and that can't turn text around or hide it."""
    fence = "`" * max(3, 1 + max((len(run) for run in _LONGEST_RUN_OF_TICKS.findall(code)), default=0))
    lines = "\n".join(printable(line.expandtabs(4)) for line in code.splitlines())
    return f"{fence}sql\n{lines}\n{fence}"


def _checks(made: PlanReview) -> str:
    rows = [(one.name, one.result, one.severity, one.judgement.message) for one in made.fallen]
    checks = table(("Check", "Result", "Severity", "Message"), rows, "---|---|---|---")
    return folded(score_line(made), checks if rows else "Every check passed.")
