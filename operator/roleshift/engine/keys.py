"""Which columns identify a row of the target, and which one says who the row is about."""

from collections.abc import Sequence
from dataclasses import dataclass

from roleshift.engine.target import RoleConstraint, TargetFacts, UniqueIndex


@dataclass(frozen=True, slots=True)
class Key:
    """Columns that identify a row.

    Attributes:
        user_column: who a row is about; None where a composite key leaves it open.
    """

    columns: tuple[str, ...]
    user_column: str | None


@dataclass(frozen=True, slots=True)
class KeyProblem:
    """Why the target has no key that a run can use, and what to do."""

    message: str


def resolve_key(
    target: TargetFacts,
    key_columns: Sequence[str] | None,
    user_column: str | None,
    role_column: str,
) -> Key | KeyProblem:
    """The key that the manifest names, else the primary key."""
    if user_column is not None and target.column(user_column) is None:
        return _unknown_columns(target, "userColumn", [user_column])
    if key_columns is None:
        return _primary_key(target, user_column, role_column)
    unknown = [name for name in key_columns if target.column(name) is None]
    if unknown:
        return _unknown_columns(target, "keyColumns", unknown)
    if not any(_identifies(index, key_columns) for index in target.unique_indexes):
        return KeyProblem(
            f"spec.target.keyColumns {_quoted(key_columns)} are not unique: create a unique index on them, "
            "or name the columns of one"
        )
    nullable = [c.name for c in target.columns if c.name in key_columns and not c.not_null]
    if nullable:
        return KeyProblem(
            f"key column {_quoted(nullable)} may be NULL, so it can't identify a row: "
            "SET NOT NULL, or name other columns in spec.target.keyColumns"
        )
    return Key(tuple(key_columns), user_column or _user_column(target, key_columns, role_column))


def _unknown_columns(target: TargetFacts, field: str, unknown: Sequence[str]) -> KeyProblem:
    return KeyProblem(
        f"spec.target.{field} names {_quoted(unknown)}, which {target.schema}.{target.table} does not "
        f"have (its columns: {_quoted([c.name for c in target.columns])})"
    )


def _primary_key(target: TargetFacts, user_column: str | None, role_column: str) -> Key | KeyProblem:
    primary = next((index for index in target.unique_indexes if index.primary and index.valid), None)
    if primary is not None:
        return Key(primary.columns, user_column or _user_column(target, primary.columns, role_column))
    candidates = [index for index in target.unique_indexes if index.valid]
    hint = f" (unique: {'; '.join(_quoted(i.columns) for i in candidates)})" if candidates else ""
    return KeyProblem(
        f"{target.schema}.{target.table} has no primary key: name columns that are unique and NOT NULL in "
        f"spec.target.keyColumns{hint}"
    )


def _identifies(index: UniqueIndex, columns: Sequence[str]) -> bool:
    return index.valid and bool(index.columns) and set(index.columns) <= set(columns)


def _user_column(target: TargetFacts, key: Sequence[str], role_column: str) -> str | None:
    """The only key column, else what stands beside the role in a unique constraint, where that is one."""
    if len(key) == 1:
        return key[0]
    constraints = [key, *(index.columns for index in target.unique_indexes if index.valid)]
    beside = [set(columns) - {role_column} for columns in constraints if role_column in columns]
    users = {next(iter(names)) for names in beside if len(names) == 1}
    return users.pop() if len(users) == 1 else None


def role_indexes(target: TargetFacts, role_column: str) -> tuple[UniqueIndex, ...]:
    """Unique indexes that hold or read the role: under them two rows may collide once roles are mapped."""
    return tuple(index for index in target.unique_indexes if role_column in index.columns or index.reads_role)


def role_constraints(target: TargetFacts, role_column: str) -> tuple[RoleConstraint, ...]:
    """Unique constraints on the role and other columns, the narrowest: they hold in wider ones too."""
    found = {
        RoleConstraint(tuple(c for c in index.columns if c != role_column), index.nulls_distinct)
        for index in role_indexes(target, role_column)
        if is_plain(index)
    }
    narrowest = [
        one for one in found if not any(set(other.others) < set(one.others) for other in found - {one})
    ]
    return tuple(sorted(narrowest, key=lambda one: (one.others, one.nulls_distinct)))


def is_plain(index: UniqueIndex) -> bool:
    """Whether an index is on columns alone and holds every row."""
    return bool(index.columns) and not index.predicate and not index.reads_role


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
