"""A small pure model of a migration and its rollback: what the rows have to be, whatever happens between.

For tables with one row for each user and one role in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from support.foreseen import Role, Route, Rows, Rules, foresee


@dataclass
class Model:
    """A migration of a table; `rows` is what the table has to hold now."""

    routes: Mapping[str, Route]
    rows: Rows
    planned: set[str] = field(default_factory=set)
    image: Rows = field(default_factory=dict)
    arrived: set[Role] = field(default_factory=set)

    def plan(self) -> None:
        """The roles that somebody holds are what the plan is about."""
        held = {row.role for row in self.rows.values()}
        self.planned = {role for role in self.routes if role in held}

    def migrate(self) -> None:
        """Each row whose role is mapped is written once; the image keeps what it was."""
        foreseen = foresee(self.rows, Rules(self.routes))
        self.image = {key: row for key, row in self.rows.items() if key in foreseen.written}
        held = {row.role for key, row in self.rows.items() if key not in self.image}
        self.arrived = {route.to for route in self.routes.values() if route.to in held}
        self.rows = dict(foreseen.rows)

    def roll_back(self, *, overwrites: bool = False) -> tuple[int, int, int]:
        """The old state by row and by value; rows restored, conflicts, and rows that were left.

        Args:
            overwrites: rows that others changed go back too.
        """
        restored = conflicts = left = 0
        reversed_roles = self._reversed()
        for key, row in list(self.rows.items()):
            before = self.image.get(key)
            if before is None:
                restored += row.role in reversed_roles
                self.rows[key] = replace(row, role=reversed_roles.get(row.role, row.role))
                left += self.rows[key].role in self._only_new()
            elif row.run_values == Rules(self.routes).written(before).run_values:
                self.rows[key] = replace(before, rest=row.rest)
                restored += 1
            elif row.run_values != before.run_values:
                conflicts += 1
                if overwrites:
                    self.rows[key] = replace(before, rest=row.rest)
                    restored += 1
        return restored, conflicts, left + (0 if overwrites else conflicts)

    def is_changed(self) -> bool:
        """Whether others gave a row that was migrated another role since."""
        undone = replace(self, rows=dict(self.rows))
        return undone.roll_back()[1] > 0

    def _reversed(self) -> dict[Role, str]:
        sources: dict[str, set[str]] = {}
        for role in self.planned:
            sources.setdefault(self.routes[role].to, set()).add(role)
        return {
            to: next(iter(froms))
            for to, froms in sources.items()
            if len(froms) == 1 and to not in self.arrived and to not in froms
        }

    def _only_new(self) -> set[Role]:
        targets = (route.to for route in self.routes.values())
        return {role for role in targets if role not in self.routes and role not in self.arrived}
