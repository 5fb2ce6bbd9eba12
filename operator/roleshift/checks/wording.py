"""How messages write figures, and name a few of many things."""

import re
from collections.abc import Sequence

MAX_NAMED = 5
FEW = 3
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


def named(things: Sequence[str], separator: str = ", ") -> str:
    """The first five, and the number of the others."""
    more = f"{separator}and {len(things) - MAX_NAMED} more" if len(things) > MAX_NAMED else ""
    return separator.join(things[:MAX_NAMED]) + more


def quoted(names: Sequence[str]) -> str:
    """The same, each in quotes."""
    return named([f'"{name}"' for name in names])


def few(things: Sequence[str]) -> str:
    """The first three, and the number of the others; for things that take a line each."""
    more = f" and {len(things) - FEW} more" if len(things) > FEW else ""
    return ", ".join(things[:FEW]) + more


def one_line(text: str, characters: int = 200) -> str:
    """A text without its line breaks, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= characters else f"{flat[: characters - 1]}…"


def all_quoted(names: Sequence[str]) -> str:
    """Every name, each in quotes."""
    return ", ".join(f'"{name}"' for name in names)


def as_sql(name: str) -> str:
    """`schema.table` as a statement has it: what PostgreSQL would fold or misread is quoted."""
    return ".".join(
        part if _PLAIN.fullmatch(part) else '"{}"'.format(part.replace('"', '""'))
        for part in name.split(".", 1)
    )


def counted(number: int, one: str, many: str) -> str:
    """`1 index`, `2 indexes`."""
    return f"{number} {one if number == 1 else many}"
