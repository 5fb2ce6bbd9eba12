"""A small pure model of a migration and its rollback: what the rows have to be, whatever happens between."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

WRITTEN = "written by the run"


@dataclass(frozen=True)
class Row:
    """One user."""

    role: str | None
    previous_role: str | None = None
    seniority: str | None = None
    migrated_at: str | None = None
    note: str = ""

    @property
    def run_values(self) -> tuple[str | None, ...]:
        """The values that a run writes."""
        return self.role, self.previous_role, self.seniority, self.migrated_at


@dataclass(frozen=True)
class Route:
    """What becomes of a role."""

    to: str
    seniority: str | None


Table = dict[int, Row]


@dataclass
class Model:
    """A migration of a table; `rows` is what the table has to hold now."""

    routes: Mapping[str, Route]
    rows: Table
    planned: set[str] = field(default_factory=set)
    image: Table = field(default_factory=dict)
    arrived: set[str] = field(default_factory=set)

    def plan(self) -> None:
        """The roles that somebody holds are what the plan is about."""
        held = {row.role for row in self.rows.values()}
        self.planned = {role for role in self.routes if role in held}

    def migrate(self) -> None:
        """Each row whose role is mapped is written once; the image keeps what it was."""
        self.image = {key: row for key, row in self.rows.items() if row.role in self.routes}
        targets = {route.to for route in self.routes.values()}
        held = {row.role for key, row in self.rows.items() if key not in self.image}
        self.arrived = {role for role in targets if role in held}
        self.rows |= {key: self.written(row) for key, row in self.image.items()}

    def written(self, row: Row) -> Row:
        """What the run makes of a row."""
        assert row.role is not None
        route = self.routes[row.role]
        seniority = row.seniority if route.seniority is None else route.seniority
        return replace(row, role=route.to, previous_role=row.role, seniority=seniority, migrated_at=WRITTEN)

    def roll_back(self) -> tuple[int, int, int]:
        """The old state by row and by value; rows restored, conflicts, and rows that were left."""
        restored = conflicts = left = 0
        reversed_roles = self._reversed()
        for key, row in list(self.rows.items()):
            before = self.image.get(key)
            if before is None:
                restored += self._restore_born(key, row, reversed_roles)
                left += self.rows[key].role in self._only_new()
            elif row.run_values == self.written(before).run_values:
                self.rows[key] = replace(before, note=row.note)
                restored += 1
            elif row.run_values != before.run_values:
                conflicts += 1
        return restored, conflicts, conflicts + left

    def _restore_born(self, key: int, row: Row, reversed_roles: Mapping[str, str]) -> int:
        if row.role is None or row.role not in reversed_roles:
            return 0
        self.rows[key] = replace(row, role=reversed_roles[row.role])
        return 1

    def _reversed(self) -> dict[str, str]:
        sources: dict[str, set[str]] = {}
        for role in self.planned:
            sources.setdefault(self.routes[role].to, set()).add(role)
        return {
            to: next(iter(froms))
            for to, froms in sources.items()
            if len(froms) == 1 and to not in self.arrived and to not in froms
        }

    def _only_new(self) -> set[str]:
        targets = {route.to for route in self.routes.values()}
        return targets - set(self.routes) - self.arrived
