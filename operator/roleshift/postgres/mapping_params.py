"""A mapping as the three arrays that the statements of a run join with."""

from dataclasses import dataclass
from typing import Any

from roleshift.engine.mapping import Cell


@dataclass(frozen=True, slots=True)
class MappingArrays:
    """Parallel arrays: role before, role after, seniority or None."""

    from_roles: list[str]
    to_roles: list[str]
    seniorities: list[str | None]

    @classmethod
    def of(cls, cells: tuple[Cell, ...]) -> "MappingArrays":
        """The arrays of the cells of a plan."""
        return cls(
            [cell.from_role for cell in cells],
            [cell.to_role for cell in cells],
            [cell.seniority for cell in cells],
        )

    def params(self) -> dict[str, Any]:
        """Named parameters for a statement."""
        return {
            "from_roles": self.from_roles,
            "to_roles": self.to_roles,
            "seniorities": self.seniorities,
        }
