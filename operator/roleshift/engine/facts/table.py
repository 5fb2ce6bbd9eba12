"""The target: what stands in its place, and how many rows hold each role."""

from collections.abc import Mapping
from dataclasses import dataclass

from roleshift.engine.target import RelationKind


@dataclass(frozen=True, slots=True)
class MissingTarget:
    """There is no such relation.

    Attributes:
        similar: names close to the one that was asked for, best first.
    """

    schema: str
    table: str
    similar: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OtherRelation:
    """There is a relation of that name, and it is no table."""

    schema: str
    table: str
    kind: RelationKind


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """How many rows hold each role.

    Attributes:
        rows: role to rows; NULL is counted apart.
        null_rows: rows whose role is NULL.
    """

    rows: Mapping[str, int]
    null_rows: int

    @property
    def total(self) -> int:
        """All rows of the table."""
        return sum(self.rows.values()) + self.null_rows


@dataclass(frozen=True, slots=True)
class CollisionFacts:
    """Rows that would share a unique value once their roles are mapped.

    Attributes:
        rows: rows too many.
        examples: what such rows have in common beside the role, `column value`; at most five.
    """

    rows: int
    examples: tuple[str, ...] = ()
