"""What the manifest says of the target, as the probes need it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from roleshift.api import Assignment
from roleshift.api.mappings import Mapping
from roleshift.api.target import Target
from roleshift.engine.facts.table import LookupFacts
from roleshift.engine.routes import routes_of
from roleshift.engine.shape import shape_of
from roleshift.engine.target import TargetFacts
from roleshift.postgres.moving import Moving
from roleshift.postgres.statements import identifier


@dataclass(frozen=True, slots=True)
class Wanted:
    """Names and roles of the manifest.

    Attributes:
        from_roles, to_roles: beside each other; names, and after `in_values` what a row stores for them.
        key_columns, user_column: None where the manifest leaves them open.
        asked: spec.target.
        strength: spec.privileges.order, weakest first.
        written: every column that a run writes.
        vanishing: roles that nobody holds after the migration.
        scan_seconds: limit of a statement that reads the whole table.
    """

    schema: str
    table: str
    role_column: str
    from_roles: tuple[str, ...]
    to_roles: tuple[str, ...]
    seniority_column: str
    seniorities: tuple[str, ...]
    asked: Target
    mappings: tuple[Mapping, ...]
    strength: tuple[str, ...] = ()
    previous_role_column: str = ""
    key_columns: tuple[str, ...] | None = None
    user_column: str | None = None
    assignments: tuple[Assignment, ...] = ()
    written: tuple[str, ...] = ()
    vanishing: tuple[str, ...] = ()
    scan_seconds: float = 600.0

    @property
    def overlaps(self) -> bool:
        """Whether a new role is an old one too."""
        return not set(self.from_roles).isdisjoint(self.to_roles)

    def in_values(self, lookup: LookupFacts | None) -> "Wanted":
        """The same with what a row stores for each role; roles without a key stay names."""
        if lookup is None:
            return self
        keys = lookup.keys
        return replace(
            self,
            from_roles=tuple(keys.get(role, role) for role in self.from_roles),
            to_roles=tuple(keys.get(role, role) for role in self.to_roles),
        )

    def moving(self, target: TargetFacts, lookup: LookupFacts | None, earlier: Sequence[str]) -> Moving:
        """The mapping on the target that was found."""
        stored = self.stored(lookup)
        shape = shape_of(target, self.asked, self.mappings, stored, earlier)
        return Moving(shape, routes_of(self.mappings, self.strength, shape))

    def stored(self, lookup: LookupFacts | None) -> dict[str, str] | None:
        """Name of a role of the mapping → its key; None where a row holds the name itself."""
        if lookup is None:
            return None
        named = {role for m in self.mappings for role in (m.from_role, m.to_role)}
        return {name: key for name, key in lookup.keys.items() if name in named}

    @property
    def names(self) -> dict[str, Any]:
        """The target's names as values, for probes that search the catalog."""
        return {"schema": self.schema, "table": self.table, "role": self.role_column}

    @property
    def target(self) -> sql.SQL:
        """The target, qualified and quoted."""
        return identifier(self.schema, self.table)

    @property
    def role(self) -> sql.SQL:
        """The role column, quoted."""
        return identifier(self.role_column)


def oid_of(target: TargetFacts) -> dict[str, Any]:
    """The target as a value, once it was found."""
    return {"oid": target.oid}
