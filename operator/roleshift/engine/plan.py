"""The plan: what a run will do, as a value with a hash that an approval can name."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC
from typing import Any

from roleshift.api.policy import Waiver
from roleshift.engine.cost import Cost
from roleshift.engine.hashing import canonical_hash
from roleshift.engine.mapping import MappingProof
from roleshift.engine.target import Column, TargetFacts, TargetShape


@dataclass(frozen=True, slots=True)
class AddEnumValue:
    """ALTER TYPE … ADD VALUE."""

    enum_type: str
    label: str

    @property
    def what(self) -> str:
        """What is added, for people."""
        return f"value '{self.label}' of {self.enum_type}"


@dataclass(frozen=True, slots=True)
class AddColumn:
    """ALTER TABLE … ADD COLUMN."""

    column: str
    type_name: str

    @property
    def what(self) -> str:
        """What is added, for people."""
        return f'column "{self.column}"'


SchemaChange = AddEnumValue | AddColumn


@dataclass(frozen=True, slots=True)
class Plan:
    """What the run will do.

    Attributes:
        shape: the target as it will be once the schema changes are in place.
        proof: the mapping applied to the rows that were counted.
        lock: which lock is taken, for how long, and who waits.
        statements: what will run, as text for people; schema changes first.
    """

    hash: str
    shape: TargetShape
    proof: MappingProof
    schema_changes: tuple[SchemaChange, ...]
    collisions: int
    escalations: tuple[str, ...]
    estimated_seconds: int | None
    estimated_wal_bytes: int | None
    lock: str
    statements: tuple[str, ...] = ()
    estimated_image_bytes: int | None = None


def make_plan(
    *,
    immutable: Mapping[str, Any],
    waivers: Sequence[Waiver],
    shape: TargetShape,
    proof: MappingProof,
    schema_changes: Sequence[SchemaChange],
    collisions: int,
    escalations: Sequence[str],
    cost: Cost,
) -> Plan:
    """A plan from what was decided and found; pure, so that every caller gets the same hash."""
    return Plan(
        hash=plan_hash(immutable, waivers, shape, proof, schema_changes),
        shape=shape,
        proof=proof,
        schema_changes=tuple(schema_changes),
        collisions=collisions,
        escalations=tuple(escalations),
        estimated_seconds=cost.seconds,
        estimated_wal_bytes=cost.wal_bytes,
        estimated_image_bytes=cost.image_bytes,
        lock=_lock(shape, cost.seconds),
    )


def _lock(shape: TargetShape, seconds: int | None) -> str:
    held = "for as long as the write takes" if seconds is None else f"for about {seconds} s"
    return (
        f"SHARE ROW EXCLUSIVE on {shape.display_name} {held}, until the commit: SELECT goes on; INSERT, "
        "UPDATE, DELETE, VACUUM and CREATE INDEX wait"
    )


def plan_hash(
    immutable: Mapping[str, Any],
    waivers: Sequence[Waiver],
    shape: TargetShape,
    proof: MappingProof,
    schema_changes: Sequence[SchemaChange],
) -> str:
    """Hash over the immutable spec, the waivers, the from→to cells (not their counts) and the schema.

    What it covers, what it doesn't, and why: docs/decisions/0017.
    """
    return canonical_hash(
        {
            "spec": immutable,
            "waivers": sorted([w.check, w.reason, w.expires.astimezone(UTC).isoformat()] for w in waivers),
            "cells": sorted([cell.from_role, cell.to_role, cell.seniority or ""] for cell in proof.cells),
            "schemaChanges": sorted([type(change).__name__, *astuple(change)] for change in schema_changes),
            "key": sorted([column.name, column.type_name] for column in shape.key),
            "written": [[column.name, column.type_name] for column in shape.written],
        }
    )


def resolve_shape(
    facts: TargetFacts, names: "ColumnNames", key: Sequence[str], user_column: str | None
) -> TargetShape:
    """The shape that a run works on, with columns that AddMissing will add already in it.

    Raises:
        KeyError: a column that the checks passed is not there; the checks come first.
    """
    planned = {column.name: column for column in (*facts.columns, *missing_columns(facts, names))}
    return TargetShape(
        oid=facts.oid,
        schema=facts.schema,
        table=facts.table,
        key=tuple(planned[name] for name in key),
        role=planned[names.role],
        previous_role=planned[names.previous_role] if names.previous_role else None,
        seniority=planned[names.seniority] if names.seniority else None,
        migrated_at=planned[names.migrated_at] if names.migrated_at else None,
        user_column=user_column,
        triggers=facts.triggers,
    )


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Names from spec.target.columns; "" where the table has no such column."""

    role: str
    previous_role: str
    seniority: str
    migrated_at: str


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


def missing_labels(facts: TargetFacts, targets: Sequence[str]) -> tuple[str, ...]:
    """Targets that the role column's enum lacks, in the mapping's order, each once."""
    if not facts.role_type.enum_type:
        return ()
    return tuple(dict.fromkeys(role for role in targets if role not in facts.role_type.enum_labels))


def schema_changes(
    facts: TargetFacts, names: ColumnNames, targets: Sequence[str], carried_out: Sequence[SchemaChange] = ()
) -> tuple[SchemaChange, ...]:
    """Everything that AddMissing adds: enum values first, then columns.

    Args:
        carried_out: what this very run has added already: that belongs to its plan as it did before.
    """
    labels = tuple(AddEnumValue(facts.role_type.enum_type, label) for label in missing_labels(facts, targets))
    columns = tuple(AddColumn(column.name, column.type_name) for column in missing_columns(facts, names))
    changes = dict.fromkeys((*carried_out, *labels, *columns))
    return tuple(sorted(changes, key=lambda change: isinstance(change, AddColumn)))


def is_missing(change: SchemaChange, facts: TargetFacts) -> bool:
    """Whether what a change adds is not there yet."""
    if isinstance(change, AddColumn):
        return facts.column(change.column) is None
    return change.label not in facts.role_type.enum_labels
