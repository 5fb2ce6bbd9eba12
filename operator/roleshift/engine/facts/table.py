"""The target: what stands in its place, and how many rows hold each role."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
class ElementFacts:
    """What rows hold whose role column is an array. Rows.

    Attributes:
        total: rows that count.
        moving: rows that hold at least one role of the mapping.
        nested: rows whose array has more than one dimension.
    """

    total: int
    moving: int
    nested: int


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """How many rows hold each role; of arrays, how many elements.

    Attributes:
        rows: role to rows; NULL is counted apart.
        null_rows: rows whose role is NULL.
        earlier: of `rows`, those that an earlier run with this mapping has moved: they stay.
        lost: new role to what becomes equal and is one afterwards; elements of one array.
        elements: None where a row holds one role.
    """

    rows: Mapping[str, int]
    null_rows: int
    earlier: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    elements: ElementFacts | None = None

    @property
    def total(self) -> int:
        """All rows of the table, or of the scope."""
        return self.elements.total if self.elements else sum(self.rows.values()) + self.null_rows


@dataclass(frozen=True, slots=True)
class CollisionFacts:
    """Rows that would share a unique value once their roles are mapped.

    Attributes:
        rows: rows too many.
        examples: what such rows have in common beside the role, `column value`; at most five.
        beyond: of `rows`, those under an index whose expressions or predicate can't be merged by.
        merged: new role to the rows that Merge removes.
        parked: rows that have to be taken out and put back, because roles go round in a circle.
    """

    rows: int
    examples: tuple[str, ...] = ()
    beyond: int = 0
    merged: Mapping[str, int] = field(default_factory=dict)
    parked: int = 0

    @property
    def taken_out(self) -> int:
        """Rows that are deleted, for good or to be inserted again."""
        return sum(self.merged.values()) + self.parked


@dataclass(frozen=True, slots=True)
class LookupFacts:
    """The table that gives roles their names.

    Attributes:
        names: key as text to name.
        doubled: names that several keys have.
        more: whether there are more rows than were read.
    """

    names: Mapping[str, str]
    doubled: tuple[str, ...] = ()
    more: bool = False

    @property
    def keys(self) -> dict[str, str]:
        """Name to key; of a doubled name, one of them."""
        return {name: key for key, name in self.names.items()}
