"""Lines of a report: a label with text beside it, an item of a list. Pure."""

import textwrap

INDENT = "  "
_LABEL_CELLS = 18


def hanging(label: str, text: str, width: int) -> list[str]:
    """A label, and a text that is wrapped beside it; `width` in character cells."""
    return textwrap.wrap(
        text,
        max(width, 2 * _LABEL_CELLS),
        initial_indent=f"{INDENT}{label:<{_LABEL_CELLS}}",
        subsequent_indent=INDENT + " " * _LABEL_CELLS,
        break_on_hyphens=False,
    )


def item(text: str, width: int) -> list[str]:
    """An item of a list, wrapped."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=f"{INDENT}- ",
        subsequent_indent=f"{INDENT}  ",
        break_on_hyphens=False,
    )
