"""The few signs that the status screen draws with, for terminals with Unicode and without it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Symbols:
    """Signs of one character cell each, and how a line that is too long ends."""

    done: str
    running: str
    waiting: str
    failed: str
    undone: str
    ahead: str
    warning: str
    arrow: str
    stronger: str
    full: str
    empty: str
    dot: str
    overflow: Literal["ellipsis", "crop"]


UNICODE = Symbols("✓", "▶", "…", "✗", "↩", "·", "!", "→", "↑", "━", "─", "·", "ellipsis")
ASCII = Symbols("v", ">", "~", "x", "<", ".", "!", ">", "^", "#", "-", "-", "crop")


def symbols_for(encoding: str | None) -> Symbols:
    """What an output with this encoding can show."""
    return UNICODE if (encoding or "").lower().replace("-", "").startswith("utf") else ASCII
