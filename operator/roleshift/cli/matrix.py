"""The before→after matrix in columns, for every screen and report. Pure."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from roleshift.cli.formats import count
from roleshift.cli.symbols import Symbols


class Cell(Protocol):
    """Rows that go from one role to another, as a plan and as a status have them."""

    @property
    def from_role(self) -> str:
        """The role before."""

    @property
    def to_role(self) -> str:
        """The role after."""

    @property
    def seniority(self) -> str | None:
        """The seniority that is given."""

    @property
    def rows(self) -> int:
        """How many rows."""


def matrix_lines(cells: Sequence[Cell], symbols: Symbols) -> Iterator[str]:
    """A line for each cell, without an indent."""
    froms = max((len(cell.from_role) for cell in cells), default=0)
    tos = max((len(cell.to_role) for cell in cells), default=0)
    levels = max((len(cell.seniority or "") for cell in cells), default=0)
    widest = max((len(count(cell.rows)) for cell in cells), default=0)
    for cell in cells:
        level = f"  {cell.seniority or '':<{levels}}" if levels else ""
        route = f"{cell.from_role:<{froms}} {symbols.arrow} {cell.to_role:<{tos}}"
        yield f"{route}{level}  {count(cell.rows):>{widest}} {'row' if cell.rows == 1 else 'rows'}"
