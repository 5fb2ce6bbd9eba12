"""The plan: what a run will do, as a value with a hash that an approval can name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from roleshift.api.policy import Waiver
from roleshift.engine.hashing import canonical_hash
from roleshift.engine.mapping import MappingProof
from roleshift.engine.shape import ColumnNames, missing_columns
from roleshift.engine.target import TargetFacts, TargetShape


@dataclass(frozen=True, slots=True)
class AddEnumValue:
    """ALTER TYPE … ADD VALUE."""

    enum_type: str
    label: str


@dataclass(frozen=True, slots=True)
class AddColumn:
    """ALTER TABLE … ADD COLUMN."""

    column: str
    type_name: str


SchemaChange = AddEnumValue | AddColumn


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run is estimated to cost; None where what the estimate needs could not be measured.

    Attributes:
        seconds: of the write, see engine.transaction_time.
        wal_bytes: of image and write, see engine.space.
    """

    seconds: int | None = None
    wal_bytes: int | None = None


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
    """Hash over the immutable spec, the waivers, the from→to cells (not their counts) and the schema."""
    return canonical_hash(
        {
            "spec": immutable,
            "waivers": sorted([w.check, w.reason, w.expires.astimezone(UTC).isoformat()] for w in waivers),
            "cells": sorted([cell.from_role, cell.to_role, cell.seniority] for cell in proof.cells),
            "schemaChanges": [repr(change) for change in schema_changes],
            "key": [[column.name, column.type_name] for column in shape.key],
            "written": [[column.name, column.type_name] for column in shape.written],
        }
    )


def missing_labels(facts: TargetFacts, targets: Sequence[str]) -> tuple[str, ...]:
    """Targets that the role column's enum lacks, in the mapping's order, each once."""
    if not facts.role_type.enum_type:
        return ()
    return tuple(dict.fromkeys(role for role in targets if role not in facts.role_type.enum_labels))


def schema_changes(
    facts: TargetFacts, names: ColumnNames, targets: Sequence[str]
) -> tuple[SchemaChange, ...]:
    """Everything that AddMissing would add: enum values first, then columns."""
    labels = tuple(AddEnumValue(facts.role_type.enum_type, label) for label in missing_labels(facts, targets))
    columns = tuple(AddColumn(column.name, column.type_name) for column in missing_columns(facts, names))
    return labels + columns
