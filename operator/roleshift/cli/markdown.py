"""Markdown that says what a text says: names are escaped, so that none becomes a link or markup. Pure."""

import re
from collections.abc import Sequence

_MARKUP = re.compile(r"[\\`*\[\]<>|~$]|(?<!\w)_|_(?!\w)")
_MENTION = re.compile(r"((?<!\w)@|#)(?=\w)")
"""GitHub looks for these in what is shown, where no escape is left; a space of no width ends them."""
_LINKS = {"://": "&#58;//", "www.": "www&#46;"}


def folded(summary: str, body: str) -> str:
    """A part that is closed until somebody opens it."""
    return f"<details>\n<summary>{text(summary)}</summary>\n\n{body}\n\n</details>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], ruler: str) -> str:
    """A table of texts."""
    return _raw_table(head, [[_lines_of(cell) for cell in row] for row in rows], ruler)


def _raw_table(head: Sequence[str], rows: Sequence[Sequence[str]], ruler: str) -> str:
    return "\n".join([_row(head), f"|{ruler}|", *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _lines_of(said: str) -> str:
    """A text with its line breaks and indents (YAML in a message), inside one cell."""
    lines = [(len(line) - len(line.lstrip()), text(line)) for line in said.splitlines()]
    return "<br>".join("&nbsp;" * indent + line for indent, line in lines)


def text(said: str) -> str:
    """One line of text that says in Markdown what it says without."""
    safe = _MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(said.replace("&", "&amp;").split()))
    safe = _MENTION.sub(r"\1&#8203;", safe)
    for link, entity in _LINKS.items():
        safe = safe.replace(link, entity)
    return safe


def labelled(points: Sequence[tuple[str, str]]) -> str:
    """A table of a few words and what was found, "" where there is none."""
    rows = [(f"**{label}**", text(found)) for label, found in points]
    return _raw_table(("", ""), rows, "---|---") if rows else ""


def listed(title: str, items: Sequence[str]) -> str:
    """A list below a title, "" where there is nothing in it."""
    return "\n".join([f"**{title}**", "", *(f"- {text(item)}" for item in items)]) if items else ""
