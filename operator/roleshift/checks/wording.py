"""How messages name many things: a few of them, and how many more there are."""

from collections.abc import Sequence

MAX_NAMED = 5


def named(things: Sequence[str], separator: str = ", ") -> str:
    """The first five, and the number of the others."""
    more = f"{separator}and {len(things) - MAX_NAMED} more" if len(things) > MAX_NAMED else ""
    return separator.join(things[:MAX_NAMED]) + more


def quoted(names: Sequence[str]) -> str:
    """The same, each in quotes."""
    return named([f'"{name}"' for name in names])
