"""spec.target: the table, its columns, the rows that count, and the tables around it."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from roleshift.api.base import ListOf, Rule, SpecModel
from roleshift.api.scalars import Identifier, OptionalIdentifier

SCHEMA = "Schema of the table."
ALL_COLUMNS = (
    "[self.?role.orValue('role'), self.?previousRole.orValue('previous_role'), "
    "self.?seniority.orValue('seniority_level'), self.?migratedAt.orValue('role_migrated_at')]"
)
ScopeValue = Annotated[str, Field(max_length=256)]


class OnDuplicate(StrEnum):
    """What happens when two old roles of one user become the same new one."""

    FAIL = "Fail"
    MERGE = "Merge"


class ScopeOperator(StrEnum):
    """How a column is compared; Exists means that it is not NULL."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Columns(SpecModel):
    """Names of the columns that a run reads and writes; "" means that the table has no such column."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="",
            message="names one column for two purposes: give each of role, previousRole, seniority and "
            'migratedAt its own column, or "" where the table has none',
            cel=f"{ALL_COLUMNS}.all(c, c == '' || {ALL_COLUMNS}.exists_one(d, d == c))",
            holds=lambda it: len(it.written()) == len(set(it.written())),
        ),
    )

    role: Identifier = Field("role", description="Column that holds the role.")
    previous_role: OptionalIdentifier = Field(
        "previous_role", description='Column that keeps the old role; "": not written.'
    )
    seniority: OptionalIdentifier = Field(
        "seniority_level", description='Column that receives the seniority; "": not written.'
    )
    migrated_at: OptionalIdentifier = Field(
        "role_migrated_at", description='Column that receives the time of the migration; "": not written.'
    )

    def written(self) -> tuple[str, ...]:
        """The columns that a run writes, role first."""
        names = (self.role, self.previous_role, self.seniority, self.migrated_at)
        return tuple(name for name in names if name)


class ScopeExpression(SpecModel):
    """One condition on a column of the target."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="values",
            message="must hold at least one value with operator In or NotIn: add values, or use Exists",
            cel="!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)",
            holds=lambda it: it.operator not in (ScopeOperator.IN, ScopeOperator.NOT_IN) or it.values,
        ),
        Rule(
            field="values",
            message="must be absent with operator Exists or DoesNotExist: remove values, or use In",
            cel="self.operator in ['In', 'NotIn'] || !has(self.values) || size(self.values) == 0",
            holds=lambda it: it.operator in (ScopeOperator.IN, ScopeOperator.NOT_IN) or not it.values,
        ),
    )

    column: Identifier = Field(description="Column of the target.")
    operator: ScopeOperator = Field(description="How the column is compared.")
    values: Annotated[list[ScopeValue], Field(max_length=256), ListOf("atomic")] = Field(
        [], description="Values as text, cast to the column's type; for In and NotIn only. Default: none."
    )


class Scope(SpecModel):
    """Which rows of the target a run may touch; every expression must hold."""

    match_expressions: Annotated[
        list[ScopeExpression], Field(min_length=1, max_length=16), ListOf("atomic")
    ] = Field(description="Conditions that a row must meet, all of them.")


class Lookup(SpecModel):
    """A table that gives roles their names: the role column holds one of its keys."""

    schema_name: Identifier = Field("public", description=SCHEMA)
    table: Identifier = Field(description="Table that the role column refers to.")
    key_column: Identifier = Field(description="Its column that the role column holds.")
    name_column: Identifier = Field(description="Its column with the name that mappings use.")


class Assignment(SpecModel):
    """A table that refers to users; it is checked for orphans and never written."""

    schema_name: Identifier = Field("public", description=SCHEMA)
    table: Identifier = Field(description="Table that refers to users.")
    user_column: Identifier = Field(description="Its column that holds the user.")
    role_column: Identifier = Field(description="Its column that holds the role.")


class Target(SpecModel):
    """The table whose users are migrated."""

    schema_name: Identifier = Field("public", description=SCHEMA)
    table: Identifier = Field(description="Table with the users' roles, as the catalogue names it, unquoted.")
    key_columns: Annotated[list[Identifier], Field(min_length=1, max_length=32), ListOf("set")] | None = (
        Field(None, description="Columns that identify a row. Absent: the primary key.")
    )
    user_column: Identifier | None = Field(
        None,
        description="Column that says who a row is about. Absent: the only key column, else the columns of "
        "the unique constraint without the role.",
    )
    columns: Columns = Field(Columns(), description="Names of the columns that a run reads and writes.")
    scope: Scope | None = Field(None, description="Only these rows. Absent: all rows.")
    lookup: Lookup | None = Field(
        None, description="Table that the role column refers to. Absent: the column holds the role itself."
    )
    on_duplicate: OnDuplicate = Field(
        OnDuplicate.FAIL,
        description="Two old roles of one user become the same new one under a unique constraint: Fail stops "
        "before anything is written, Merge keeps one row.",
    )
    assignments: Annotated[list[Assignment], Field(max_length=16), ListOf("atomic")] = Field(
        [], description="Tables that refer to users, checked for orphans, never written. Default: none."
    )
