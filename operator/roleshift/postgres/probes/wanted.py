"""What the manifest says of the target, as the probes need it."""

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from roleshift.api import Assignment
from roleshift.engine.target import TargetFacts
from roleshift.postgres.statements import identifier


@dataclass(frozen=True, slots=True)
class Wanted:
    """Names and roles of the manifest.

    Attributes:
        key_columns, user_column: None where the manifest leaves them open.
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
    previous_role_column: str = ""
    key_columns: tuple[str, ...] | None = None
    user_column: str | None = None
    assignments: tuple[Assignment, ...] = ()
    written: tuple[str, ...] = ()
    vanishing: tuple[str, ...] = ()
    scan_seconds: float = 600.0

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
