"""A plan as Markdown, to be pasted into a pull request. Pure.

Names come from the database and the manifest: they are escaped, so that none becomes a link, a mention,
markup or another row of a table.
"""

import re
from collections.abc import Sequence

from roleshift.cli.formats import count
from roleshift.cli.plan_report import LEGEND, readable
from roleshift.cli.plan_review import WHEN_OPEN, PlanReview
from roleshift.cli.safety_report import score_line

_MARKUP = re.compile(r"[\\`*\[\]<>|~$]|(?<!\w)_|_(?!\w)")
_MENTION = re.compile(r"((?<!\w)@|#)(?=\w)")
"""GitHub looks for these in what is shown, where no escape is left; a space of no width ends them."""
_LONGEST_RUN_OF_TICKS = re.compile(r"`+")
_LINKS = {"://": "&#58;//", "www.": "www&#46;"}


def as_markdown(made: PlanReview) -> str:
    """The plan with its matrix, what to look at, and two folded parts: statements and checks."""
    title = f"### Plan of {_text(made.name)} on {_text(made.table)}"
    known = f"Plan hash `{made.plan.hash}`" if made.plan else "There is no plan yet: the gate says why."
    parts = [title, _verdict(made), f"**{_text(made.headline)}**", _matrix(made), known]
    parts += [_list("What to look at", made.look_at), _points(made), _statements(made), _checks(made)]
    return "\n\n".join(part for part in parts if part)


def _verdict(made: PlanReview) -> str:
    sign = ":white_check_mark:" if made.is_open else ":no_entry:"
    return f"{sign} {'<br>'.join(map(_text, made.verdict(WHEN_OPEN)))}"


def _matrix(made: PlanReview) -> str:
    rows = [(c.from_role, c.to_role, c.seniority or "", count(c.rows)) for c in made.cells]
    return _table(("From", "To", "Seniority", "Rows"), rows, "---|---|---|---:") if rows else ""


def _points(made: PlanReview) -> str:
    rows = [(f"**{label}**", _text(text)) for label, text in made.points]
    return _raw_table(("", ""), rows, "---|---") if rows else ""


def _list(title: str, items: Sequence[str]) -> str:
    return "\n".join([f"**{title}**", "", *(f"- {_text(item)}" for item in items)]) if items else ""


def _statements(made: PlanReview) -> str:
    if made.plan is None:
        return ""
    code = "\n".join(f"{readable(statement)};" for statement in made.plan.statements)
    fence = "`" * max(3, 1 + max((len(run) for run in _LONGEST_RUN_OF_TICKS.findall(code)), default=0))
    body = f"{fence}sql\n{code}\n{fence}\n\n{_text(LEGEND)}"
    return _folded(count(len(made.plan.statements), "statement"), body)


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
