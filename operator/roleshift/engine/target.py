"""The shape of the table that is migrated, as the catalog describes it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from roleshift.api.target import ScopeOperator

ARRAY_CATEGORY = "A"


class RelationKind(StrEnum):
    """`pg_class.relkind` in words."""

    TABLE = "table"
    PARTITIONED_TABLE = "partitioned table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FOREIGN_TABLE = "foreign table"
    SEQUENCE = "sequence"
    OTHER = "other relation"


MIGRATABLE = frozenset({RelationKind.TABLE, RelationKind.PARTITIONED_TABLE})


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        type_name: as `format_type` writes it, usable in a cast.
        base_type: the type under a domain, else the type itself, without its modifiers.
        category: `pg_type.typcategory` (S text, E enum, A array, D date or time, …).
        generated: the column is computed by the server and can't be written.
        identity: numbered by the server always; such a value can be given back to a row, but not changed.
        element_category: the category of an array's elements, "" for other types.
        constrained: the type is a domain with constraints of its own, NOT NULL among them.
    """

    name: str
    type_name: str
    base_type: str
    category: str
    not_null: bool
    generated: bool
    constrained: bool = False
    identity: bool = False
    element_category: str = ""

    @property
    def is_array(self) -> bool:
        """Whether a value is a list of values."""
        return self.category == ARRAY_CATEGORY


@dataclass(frozen=True, slots=True)
class UniqueIndex:
    """A unique index: the key candidates and the constraints that a role may stand in.

    Attributes:
        columns: in index order; empty where the index is on an expression.
        valid: finished, not partial, on columns only, so that it can identify a row.
        predicate: which rows it holds, as the catalog writes it; "" for all of them.
        nulls_distinct: whether rows with a NULL in it never equal each other.
        keys: columns and expressions, as the catalog writes them.
        reads_role: an expression or the predicate may read the role, or one stands beside it.
    """

    name: str
    columns: tuple[str, ...]
    primary: bool
    valid: bool
    predicate: str = ""
    nulls_distinct: bool = True
    keys: tuple[str, ...] = ()
    reads_role: bool = False


@dataclass(frozen=True, slots=True)
class RoleTypeFacts:
    """The enum behind the role column, where there is one.

    Attributes:
        enum_type: qualified, quoted name of the enum; "" for other types.
        enum_labels: in the enum's own order.
        enum_owned: whether the run's role may add labels.
        enum_used_by: columns of other tables that have the type too.
    """

    enum_type: str = ""
    enum_labels: tuple[str, ...] = ()
    enum_owned: bool = True
    enum_used_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueCheck:
    """A check constraint on one column; `expression` as the catalog writes it."""

    name: str
    column: str
    expression: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that a run would write and that its column's type or a check constraint refuses."""

    column: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What the catalog says of the target.

    Attributes:
        rows_estimated: `pg_class.reltuples`, for estimates only.
        bytes: table, indexes and TOAST, partitions included.
        triggers: names of user triggers that fire on UPDATE.
        partition_columns: columns that decide the partition of a row.
        heirs: tables that inherit from it with INHERITS: their rows are its rows too, under no common key.
    """

    oid: int
    schema: str
    table: str
    kind: RelationKind
    columns: tuple[Column, ...]
    unique_indexes: tuple[UniqueIndex, ...]
    role_type: RoleTypeFacts
    triggers: tuple[str, ...]
    partition_columns: tuple[str, ...]
    rows_estimated: int
    bytes: int
    owned: bool
    value_checks: tuple[ValueCheck, ...] = ()
    heirs: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class ScopeTerm:
    """One condition that a row must meet to be touched; `values` as text, for In and NotIn."""

    column: Column
    operator: ScopeOperator
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoleConstraint:
    """A unique constraint on the role and other columns.

    Attributes:
        others: the columns beside the role; none where the role alone is unique.
        nulls_distinct: whether rows with a NULL in it never equal each other.
    """

    others: tuple[str, ...]
    nulls_distinct: bool = True


@dataclass(frozen=True, slots=True)
class TargetShape:
    """The target as a run works on it: existing columns resolved against the spec.

    Attributes:
        previous_role: None where the manifest says that there is no such column; likewise
            seniority and migrated_at.
        user_column: who a row is about; None where a composite key leaves it open.
        scope: only rows that meet all of these are touched.
        stored: name of a role → the key that stands for it, as text; empty where a row holds the name itself.
        constraints: unique constraints under which rows may collide, the narrowest ones.
        ordered: whether rows have to be written in turns, see `engine.order`.
        merges: rows that become equal are merged into one.
        whole: every column that a removed row is brought back with; empty where none is ever removed.
        earlier: images of earlier runs with the same mapping: what they moved is not moved again.
    """

    oid: int
    schema: str
    table: str
    key: tuple[Column, ...]
    role: Column
    previous_role: Column | None
    seniority: Column | None
    migrated_at: Column | None
    user_column: str | None
    triggers: tuple[str, ...]
    scope: tuple[ScopeTerm, ...] = ()
    stored: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[RoleConstraint, ...] = ()
    ordered: bool = False
    merges: bool = False
    whole: tuple[Column, ...] = ()
    earlier: tuple[str, ...] = ()

    @property
    def is_array(self) -> bool:
        """Whether a row holds several roles."""
        return self.role.is_array

    @property
    def role_in_key(self) -> bool:
        """Whether the role is part of what identifies a row."""
        return self.role.name in {column.name for column in self.key}

    @property
    def written(self) -> tuple[Column, ...]:
        """The columns that a run writes, the role first."""
        bookkeeping = (self.previous_role, self.seniority, self.migrated_at)
        return (self.role, *(column for column in bookkeeping if column is not None))

    @property
    def display_name(self) -> str:
        """`schema.table`, for people."""
        return f"{self.schema}.{self.table}"
