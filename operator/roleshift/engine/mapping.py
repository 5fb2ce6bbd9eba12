"""The proof that a mapping is total and unambiguous over the roles that are really there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from roleshift.engine.facts.table import RoleFacts


class RoleMapping(Protocol):
    """What the proof needs of a mapping of the spec."""

    @property
    def from_role(self) -> str:
        """The role before."""

    @property
    def to_role(self) -> str:
        """The role after."""

    @property
    def seniority(self) -> str | None:
        """The seniority that it gives; None leaves the column alone."""


class MinimumHolders(Protocol):
    """What the proof needs of an entry of spec.privileges.keepAtLeast."""

    @property
    def role(self) -> str:
        """The role."""

    @property
    def count(self) -> int:
        """Rows that must hold it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the before→after matrix: how many rows move from one role to another."""

    from_role: str
    to_role: str
    seniority: str | None
    rows: int

    @property
    def route(self) -> tuple[str, str]:
        """From and to, without counts: what an approval is about."""
        return self.from_role, self.to_role


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A role that would have fewer holders than `keepAtLeast` demands."""

    role: str
    demanded: int
    left: int


@dataclass(frozen=True, slots=True)
class MappingProof:
    """What the mapping does to the roles that were found.

    Attributes:
        cells: the matrix, only roles that somebody holds, in the mapping's order.
        unused: roles that the mapping names and nobody holds.
        unmapped: roles that the mapping names on neither side, with their rows.
        arrived: roles of the new set that rows hold already; left as they are.
        after: rows for each role once the mapping was applied.
        reversible: no two roles become one and none of the new roles was held before.
        moving: rows that will change where a row holds several roles, so that cells count more; else None.
    """

    cells: tuple[Cell, ...]
    unused: tuple[str, ...]
    unmapped: Mapping[str, int]
    arrived: Mapping[str, int]
    null_rows: int
    after: Mapping[str, int]
    reversible: bool
    moving: int | None = None

    @property
    def rows(self) -> int:
        """Rows that will change."""
        return sum(cell.rows for cell in self.cells) if self.moving is None else self.moving

    @property
    def before(self) -> dict[str, int]:
        """Rows for each role before the mapping is applied."""
        held = dict(self.unmapped)
        for role, rows in (*self.arrived.items(), *((c.from_role, c.rows) for c in self.cells)):
            held[role] = held.get(role, 0) + rows
        return held

    @property
    def routes(self) -> frozenset[tuple[str, str]]:
        """Every from→to of the matrix."""
        return frozenset(cell.route for cell in self.cells)


def prove_mapping(
    mappings: Sequence[RoleMapping], roles: RoleFacts, merged: Mapping[str, int] | None = None
) -> MappingProof:
    """Apply the mapping to the roles found and say what becomes of every row.

    Args:
        merged: new role → rows that Merge removes.
    """
    sources = {mapping.from_role for mapping in mappings}
    targets = {mapping.to_role for mapping in mappings}
    moving = {role: roles.rows.get(role, 0) - roles.earlier.get(role, 0) for role in sources}
    others = {role: rows for role, rows in roles.rows.items() if role not in sources}
    others |= {role: rows for role, rows in roles.earlier.items() if role in sources and rows}
    arrived = {role: rows for role, rows in others.items() if role in targets}
    cells = tuple(
        Cell(m.from_role, m.to_role, m.seniority, moving[m.from_role])
        for m in mappings
        if moving[m.from_role]
    )
    return MappingProof(
        cells=cells,
        unused=tuple(m.from_role for m in mappings if not roles.rows.get(m.from_role)),
        unmapped={role: rows for role, rows in others.items() if role not in targets},
        arrived=arrived,
        null_rows=roles.null_rows,
        after=_after(cells, others, (roles.lost, merged or {})),
        reversible=_is_reversible(cells, arrived),
        moving=roles.elements.moving if roles.elements else None,
    )


def _after(
    cells: Iterable[Cell], others: Mapping[str, int], gone: Iterable[Mapping[str, int]]
) -> dict[str, int]:
    after = dict(others)
    for cell in cells:
        after[cell.to_role] = after.get(cell.to_role, 0) + cell.rows
    for losses in gone:
        for role, rows in losses.items():
            after[role] = after.get(role, 0) - rows
    return after


def _is_reversible(cells: Sequence[Cell], arrived: Mapping[str, int]) -> bool:
    targets = [cell.to_role for cell in cells]
    return len(set(targets)) == len(targets) and not any(target in arrived for target in targets)


def reversed_routes(cells: Sequence[Cell], arrived: Iterable[str]) -> dict[str, str]:
    """New role → the only old role that it can have come from; ambiguous ones are left out."""
    held_before = set(arrived)
    sources: dict[str, list[str]] = {}
    for cell in cells:
        sources.setdefault(cell.to_role, []).append(cell.from_role)
    return {
        to: froms[0]
        for to, froms in sources.items()
        if len(froms) == 1 and to not in held_before and froms[0] != to
    }


def chained_roles(mappings: Sequence[RoleMapping]) -> tuple[str, ...]:
    """Roles that are one mapping's target and another's source, identities aside."""
    moving = [m for m in mappings if m.from_role != m.to_role]
    sources = {m.from_role for m in moving}
    return tuple(dict.fromkeys(m.to_role for m in moving if m.to_role in sources))


def vanishing_roles(mappings: Sequence[RoleMapping]) -> tuple[str, ...]:
    """Roles that go away: sources that no mapping gives back as a target; each once."""
    targets = {m.to_role for m in mappings}
    return tuple(dict.fromkeys(m.from_role for m in mappings if m.from_role not in targets))


def escalations(cells: Sequence[Cell], order: Sequence[str]) -> tuple[Cell, ...]:
    """Cells that make a role stronger; `order` is weakest first, roles outside it are not judged."""
    rank = {role: position for position, role in enumerate(order)}
    return tuple(
        cell
        for cell in cells
        if cell.from_role in rank and cell.to_role in rank and rank[cell.to_role] > rank[cell.from_role]
    )


def unranked_roles(cells: Sequence[Cell], order: Sequence[str]) -> tuple[str, ...]:
    """Roles of the matrix that `order` does not name, so that no escalation can be judged there."""
    involved = dict.fromkeys(role for cell in cells for role in cell.route)
    return tuple(role for role in involved if role not in order)


@dataclass(frozen=True, slots=True)
class Demand:
    """A role, and how many must hold it."""

    role: str
    count: int


def demands(minimums: Sequence[MinimumHolders], before: Mapping[str, int] | None) -> tuple[Demand, ...]:
    """What `keepAtLeast` demands of the rows that count.

    Under a scope those who held a role before are as many as can be demanded: the last administrator can't
    be migrated away, and a cohort without one may be migrated.

    Args:
        before: rows of the scope for each role before the run; None where all rows count.
    """
    if before is None:
        return tuple(Demand(one.role, one.count) for one in minimums)
    return tuple(Demand(one.role, min(one.count, before.get(one.role, 0))) for one in minimums)


def shortfalls(after: Mapping[str, int], minimums: Sequence[MinimumHolders]) -> tuple[Shortfall, ...]:
    """Roles that would be held by fewer rows than demanded."""
    return tuple(
        Shortfall(minimum.role, minimum.count, after.get(minimum.role, 0))
        for minimum in minimums
        if after.get(minimum.role, 0) < minimum.count
    )
