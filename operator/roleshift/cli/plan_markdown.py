"""A plan as Markdown, to be pasted into a pull request. Pure.

Names come from the database and the manifest: they are escaped, so that none becomes a link, a mention,
markup or another row of a table.
"""

import re

from roleshift.cli.formats import count
from roleshift.cli.markdown import folded, labelled, listed, table, text
from roleshift.cli.plan_report import LEGEND, readable
from roleshift.cli.plan_review import WHEN_OPEN, PlanReview
from roleshift.cli.safety_report import score_line

_LONGEST_RUN_OF_TICKS = re.compile(r"`+")


def as_markdown(made: PlanReview) -> str:
    """The plan with its matrix, what to look at, and two folded parts: statements and checks."""
    title = f"### Plan of {text(made.name)} on {text(made.table)}"
    known = f"Plan hash `{made.plan.hash}`" if made.plan else "There is no plan yet: the gate says why."
    parts = [title, _verdict(made), f"**{text(made.headline)}**", _matrix(made), known]
    parts += [
        listed("What to look at", made.look_at),
        labelled(made.points),
        _statements(made),
        _checks(made),
    ]
    return "\n\n".join(part for part in parts if part)


def _verdict(made: PlanReview) -> str:
    sign = ":white_check_mark:" if made.is_open else ":no_entry:"
    return f"{sign} {'<br>'.join(map(text, made.verdict(WHEN_OPEN)))}"


def _matrix(made: PlanReview) -> str:
    rows = [(c.from_role, c.to_role, c.seniority or "", count(c.rows)) for c in made.cells]
    return table(("From", "To", "Seniority", "Rows"), rows, "---|---|---|---:") if rows else ""


def _statements(made: PlanReview) -> str:
    if made.plan is None:
        return ""
    code = "\n".join(f"{readable(statement)};" for statement in made.plan.statements)
    fence = "`" * max(3, 1 + max((len(run) for run in _LONGEST_RUN_OF_TICKS.findall(code)), default=0))
    body = f"{fence}sql\n{code}\n{fence}\n\n{text(LEGEND)}"
    return folded(count(len(made.plan.statements), "statement"), body)


def _checks(made: PlanReview) -> str:
    rows = [(one.name, one.result, one.severity, one.judgement.message) for one in made.fallen]
    fallen = table(("Check", "Result", "Severity", "Message"), rows, "---|---|---|---")
    return folded(score_line(made), fallen if rows else "Every check passed.")
