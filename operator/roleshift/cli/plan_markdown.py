"""A plan as Markdown, to be pasted into a pull request. Pure.

Names come from the database and the manifest: they are escaped, so that none becomes a link, a mention,
markup or another row of a table.
"""

import re
from collections.abc import Sequence
from inspect import cleandoc

from roleshift.cli.formats import count, printable
from roleshift.cli.plan_report import LEGEND, readable
from roleshift.cli.plan_review import WHEN_OPEN, PlanReview
from roleshift.cli.safety_report import score_line
from roleshift.cli.symbols import UNICODE

_MARKUP = re.compile(r"[\\`*\[\]<>|~$]|(?<!\w)_|_(?!\w)")
_MENTION = re.compile(r"((?<!\w)@|#)(?=\w)")
"""GitHub looks for these in what is shown, where no escape is left; a space of no width ends them."""
_LONGEST_RUN_OF_TICKS = re.compile(r"`+")
MOST_CHARACTERS = 60_000
"""GitHub takes 65,536 in a comment; what is put around the page needs some of them."""
_LEFT_OUT = (
    "_A part is left out here, because the page would be too long: `roleshift plan` without -o shows it._"
)
_MOST_CELLS = 40
"""Rows of the matrix that a page shows without being asked."""
_LINKS = {"://": "&#58;//", "www.": "www&#46;"}


def as_markdown(made: PlanReview) -> str:
    """The plan with its matrix, what to look at, and folded parts: definitions, statements and checks.

    A page that is longer than a comment may be leaves out the largest of these, and says so.
    """
    title = f"### Plan of {_text(made.name)} on {_text(made.table)}"
    known = f"Plan hash `{made.plan.hash}`" if made.plan else "There is no plan yet: the gate says why."
    parts = [title, _verdict(made), f"**{_text(made.headline)}**", _matrix(made), known]
    parts += [_list("What to look at", made.look_at), _points(made), _definitions(made)]
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
    return f"{sign} {'<br>'.join(map(_text, made.verdict(WHEN_OPEN)))}"


def _matrix(made: PlanReview) -> str:
    if not made.cells:
        return ""
    head, ruler = ["From", "To", "Seniority", "Rows"], "---|---|---|---:"
    rows = [[c.from_role, c.to_role, c.seniority or "", count(c.rows)] for c in made.cells]
    if made.stronger:
        head, ruler = ["", *head], f"---|{ruler}"
        marks = [UNICODE.stronger if cell in made.stronger else "" for cell in made.cells]
        rows = [[mark, *row] for row, mark in zip(rows, marks, strict=True)]
    table = _table(head, rows, ruler)
    return table if len(rows) <= _MOST_CELLS else _folded(count(len(rows), "mapping"), table)


def _points(made: PlanReview) -> str:
    rows = [(f"**{label}**", _text(text)) for label, text in made.points]
    return _raw_table(("", ""), rows, "---|---") if rows else ""


def _list(title: str, items: Sequence[str]) -> str:
    return "\n".join([f"**{title}**", "", *(f"- {_text(item)}" for item in items)]) if items else ""


def _definitions(made: PlanReview) -> str:
    blocks = [f"{_text(f'{one.kind} {one.name}')}\n\n{_sql(cleandoc(one.definition))}" for one in made.naming]
    what = "1 definition that names" if len(blocks) == 1 else f"{len(blocks)} definitions that name"
    return _folded(f"{what} roles which go away", "\n\n".join(blocks)) if blocks else ""


def _statements(made: PlanReview) -> str:
    if made.plan is None:
        return ""
    code = "\n".join(f"{readable(statement)};" for statement in made.plan.statements)
    return _folded(count(len(made.plan.statements), "statement"), f"{_sql(code)}\n\n{_text(LEGEND)}")


def _sql(code: str) -> str:
    """A block of code that nothing in it can end, and that can't turn text around or hide it."""
    fence = "`" * max(3, 1 + max((len(run) for run in _LONGEST_RUN_OF_TICKS.findall(code)), default=0))
    lines = "\n".join(printable(line.expandtabs(4)) for line in code.splitlines())
    return f"{fence}sql\n{lines}\n{fence}"


def _checks(made: PlanReview) -> str:
    rows = [(one.name, one.result, one.severity, one.judgement.message) for one in made.fallen]
    table = _table(("Check", "Result", "Severity", "Message"), rows, "---|---|---|---")
    return _folded(score_line(made), table if rows else "Every check passed.")


def _folded(summary: str, body: str) -> str:
    return f"<details>\n<summary>{_text(summary)}</summary>\n\n{body}\n\n</details>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], ruler: str) -> str:
    return _raw_table(head, [[_lines_of(cell) for cell in row] for row in rows], ruler)


def _raw_table(head: Sequence[str], rows: Sequence[Sequence[str]], ruler: str) -> str:
    return "\n".join([_row(head), f"|{ruler}|", *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _lines_of(text: str) -> str:
    """A text with its line breaks and indents (YAML in a message), inside one cell."""
    lines = [(len(line) - len(line.lstrip()), _text(line)) for line in text.splitlines()]
    return "<br>".join("&nbsp;" * indent + line for indent, line in lines)


def _text(text: str) -> str:
    """One line of text that says in Markdown what it says without."""
    safe = _MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(text.replace("&", "&amp;").split()))
    safe = _MENTION.sub(r"\1&#8203;", safe)
    for link, entity in _LINKS.items():
        safe = safe.replace(link, entity)
    return safe
