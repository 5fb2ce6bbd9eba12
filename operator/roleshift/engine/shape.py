"""The target as a run will work on it: what the manifest asks, resolved against the catalog. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roleshift.api import OnDuplicate
from roleshift.api.target import Target
from roleshift.engine.keys import Key, resolve_key, role_constraints, role_indexes
from roleshift.engine.mapping import RoleMapping, chained_roles
from roleshift.engine.order import writing_order
from roleshift.engine.scope import ScopeProblem, resolve_scope
from roleshift.engine.target import Column, ScopeTerm, TargetFacts, TargetShape


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Names from spec.target.columns; "" where the table has no such column."""

    role: str
    previous_role: str
    seniority: str
    migrated_at: str

    @classmethod
    def of(cls, asked: Target) -> "ColumnNames":
        """The names in a manifest."""
        columns = asked.columns
        return cls(columns.role, columns.previous_role, columns.seniority, columns.migrated_at)


def missing_columns(facts: TargetFacts, names: ColumnNames) -> tuple[Column, ...]:
    """Bookkeeping columns that the table lacks, as AddMissing would add them."""
    role = facts.column(names.role)
    role_type = _type_of_previous(role) if role else "text"
    role_category = role.category if role else "S"
    wanted = (
        Column(names.previous_role, role_type, role_type, role_category, not_null=False, generated=False),
        Column(names.seniority, "text", "text", "S", not_null=False, generated=False),
        Column(names.migrated_at, "timestamp with time zone", "timestamp with time zone", "D", False, False),
    )
    return tuple(column for column in wanted if column.name and facts.column(column.name) is None)


def _type_of_previous(role: Column) -> str:
    """The role's own type; under a domain that may refuse what the new column begins with, NULL, its base."""
    return role.base_type if role.constrained else role.type_name


def shape_of(
    facts: TargetFacts,
    asked: Target,
    mappings: Sequence[RoleMapping],
    stored: Mapping[str, str] | None = None,
    earlier: Sequence[str] = (),
) -> TargetShape:
    """The shape, with columns that AddMissing will add already in it.

    A key or a scope that the checks will refuse is left empty: a look counts the rows all the same.

    Args:
        stored: name of a role → its key in the lookup table; None where rows hold the name itself.
        earlier: images of earlier runs whose rows are not moved again.

    Raises:
        KeyError: the role column is not there.
    """
    names = ColumnNames.of(asked)
    planned = {column.name: column for column in (*facts.columns, *missing_columns(facts, names))}
    key = resolve_key(facts, asked.key_columns, asked.user_column, names.role)
    role = planned[names.role]
    ordered = bool(role_indexes(facts, names.role)) and not role.is_array
    constraints = role_constraints(facts, names.role) if ordered else ()
    merges = bool(constraints) and asked.on_duplicate is OnDuplicate.MERGE
    cycles = bool(constraints) and bool(writing_order({m.from_role: m.to_role for m in mappings}).parking)
    return TargetShape(
        oid=facts.oid,
        schema=facts.schema,
        table=facts.table,
        key=tuple(planned[name] for name in key.columns) if isinstance(key, Key) else (),
        role=role,
        previous_role=planned[names.previous_role] if names.previous_role else None,
        seniority=planned[names.seniority] if names.seniority else None,
        migrated_at=planned[names.migrated_at] if names.migrated_at else None,
        user_column=key.user_column if isinstance(key, Key) else None,
        triggers=facts.triggers,
        scope=_scope(facts, asked),
        stored=dict(stored or {}),
        constraints=constraints,
        ordered=ordered and (merges or bool(chained_roles(mappings))),
        merges=merges,
        whole=_whole(facts, names) if merges or cycles else (),
        earlier=tuple(earlier),
    )


def _scope(facts: TargetFacts, asked: Target) -> tuple[ScopeTerm, ...]:
    try:
        return resolve_scope(facts, asked.scope, asked.columns.written())
    except ScopeProblem:
        return ()


def _whole(facts: TargetFacts, names: ColumnNames) -> tuple[Column, ...]:
    """Every column that a row can be inserted with, also those that AddMissing will add."""
    columns = (*facts.columns, *missing_columns(facts, names))
    return tuple(column for column in columns if not column.generated or column.identity)
