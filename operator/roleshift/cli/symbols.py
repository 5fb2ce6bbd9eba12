"""The few signs that the status screen draws with, for terminals with Unicode and without it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Symbols:
    """Signs of one character cell each."""

    done: str
    running: str
    waiting: str
    failed: str
    undone: str
    ahead: str
    warning: str
    arrow: str
    full: str
    empty: str
    dot: str


UNICODE = Symbols("✓", "▶", "…", "✗", "↩", "·", "!", "→", "█", "░", "·")
ASCII = Symbols("v", ">", "~", "x", "<", ".", "!", ">", "#", "-", "-")


def symbols_for(encoding: str | None) -> Symbols:
    """What an output with this encoding can show."""
    return UNICODE if (encoding or "").lower().replace("-", "").startswith("utf") else ASCII
