"""What a migration has to make of rows, in plain Python: the judge of every shape of table.

Knows nothing of SQL or of Roleshift's code. A role is a text, or a tuple of texts where the column is an
array; keys of a lookup table are shown as the names that they stand for.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

WRITTEN = "written by the run"

Role = str | tuple[str | None, ...] | None


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        migrated_at: WRITTEN where the run wrote it.
        rest: every other column; no run may change one.
    """

    role: Role
    previous_role: Role = None
    seniority: str | None = None
    migrated_at: str | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def run_values(self) -> tuple[Role, Role, str | None, str | None]:
        """The values that a run writes."""
        return self.role, self.previous_role, self.seniority, self.migrated_at

    @property
    def elements(self) -> tuple[str | None, ...]:
        """The roles that the row holds: one, or those of an array."""
        return self.role if isinstance(self.role, tuple) else (self.role,)


@dataclass(frozen=True)
class Route:
    """What becomes of a role."""

    to: str
    seniority: str | None = None


Rows = dict[Hashable, Row]


def all_rows(_: Row) -> bool:
    """A scope that no row is outside of."""
    return True


@dataclass(frozen=True)
class Rules:
    """What a manifest says about rows.

    Attributes:
        routes: in the manifest's order: of two seniorities that equally strong roles give, the first counts.
        order: of privileges, weakest first.
        user: column that is unique together with the role; "" where nothing is.
        key: columns of the key; "" stands for the role. Of equal rows Merge keeps the first by key.
    """

    routes: Mapping[str, Route]
    order: Sequence[str] = ()
    in_scope: Callable[[Row], bool] = all_rows
    user: str = ""
    key: Sequence[str] = ("id",)

    def routes_of(self, row: Row) -> list[Route]:
        """The mappings that name a role of the row; none where the row is not the run's business."""
        if not self.in_scope(row):
            return []
        return [self.routes[role] for role in row.elements if role is not None and role in self.routes]

    def written(self, row: Row) -> Row:
        """What the run makes of a row that a mapping names."""
        named = self.routes_of(row)
        ranked = [one for one in self.routes.values() if one.seniority is not None and one in named]
        strongest = max(ranked, key=lambda route: self._rank(route.to), default=None)
        return replace(
            row,
            role=self._role_after(row.role),
            previous_role=row.role,
            seniority=strongest.seniority if strongest else row.seniority,
            migrated_at=WRITTEN,
        )

    def age(self, row: Row) -> tuple[Any, ...]:
        """Where the row stands by key."""
        return tuple(row.rest[name] if name else row.role for name in self.key)

    def _rank(self, role: str) -> int:
        return self.order.index(role) if role in self.order else -1

    def _role_after(self, role: Role) -> Role:
        if isinstance(role, tuple):
            return tuple(dict.fromkeys(one if one is None else self._to(one) for one in role))
        return role if role is None else self._to(role)

    def _to(self, role: str) -> str:
        return self.routes[role].to if role in self.routes else role


@dataclass(frozen=True)
class Foreseen:
    """The table after the run.

    Attributes:
        rows: all of them; those that the run has no business with are the very values of before.
        written: which rows the run wrote.
        removed: which rows Merge took away, or Fail would stumble over.
        matrix: roles (elements of arrays) by from, to and seniority.
    """

    rows: Rows
    written: frozenset[Hashable]
    removed: frozenset[Hashable]
    matrix: Counter[tuple[str, str, str | None]]


def foresee(before: Rows, rules: Rules) -> Foreseen:
    """Apply the rules to every row once."""
    touched = {name for name, row in before.items() if rules.routes_of(row)}
    after = {name: rules.written(row) if name in touched else row for name, row in before.items()}
    removed = set(_surplus(before, after, rules)) if rules.user else set()
    return Foreseen(
        rows={name: row for name, row in after.items() if name not in removed},
        written=frozenset(touched - removed),
        removed=frozenset(removed),
        matrix=_matrix((before[name] for name in touched), rules),
    )


def _surplus(before: Rows, after: Rows, rules: Rules) -> Iterable[Hashable]:
    """Rows that would become equal to another one of the same user.

    The row that already is as it should be stays, else the first by key.
    """
    same: dict[tuple[Any, Role], list[Hashable]] = {}
    for name, row in after.items():
        user = row.rest[rules.user]
        if user is not None and row.role is not None:
            same.setdefault((user, row.role), []).append(name)
    for (_, role), names in same.items():
        kept = min(names, key=lambda name: (before[name].role != role, rules.age(before[name])))
        yield from (name for name in names if name != kept)


def _matrix(rows: Iterable[Row], rules: Rules) -> Counter[tuple[str, str, str | None]]:
    return Counter(
        (role, rules.routes[role].to, rules.routes[role].seniority)
        for row in rows
        for role in row.elements
        if role is not None and role in rules.routes
    )
