"""Foreign keys to and from the target, and tables of spec.target.assignments: what dangles.

The catalog tells what there is; rows are counted only where the server does not vouch for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.references import (
    AssignedTable,
    AssignmentProblem,
    ForeignKey,
    ReferenceFacts,
)
from roleshift.engine.keys import Key, resolve_key
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes.batch import Answers, Probe, Rows, sql_probe
from roleshift.postgres.probes.wanted import Wanted
from roleshift.postgres.references import broken_rows
from roleshift.postgres.statements import identifier

_CASCADE = "c"
MAX_COUNTED = 8
"""Foreign keys whose rows are counted in one look: each costs a scan."""


@dataclass(frozen=True, slots=True)
class ReferenceCatalog:
    """What the catalog says; read with `reference_facts` once rows were counted."""

    foreign_keys: Rows | ProbeFailure
    assignments: Rows | ProbeFailure


def foreign_keys_probe(wanted: Wanted) -> Probe[Rows]:
    """Every foreign key to and from the target."""
    return sql_probe("foreign_keys", _rows, {"schema": wanted.schema, "table": wanted.table})


def assignments_probe(wanted: Wanted) -> Probe[Rows]:
    """The tables that the manifest says refer to users."""
    names = {
        "assigned_schemas": [one.schema_name for one in wanted.assignments],
        "assigned_tables": [one.table for one in wanted.assignments],
    }
    return sql_probe("assignments", _rows, names)


def _rows(rows: Rows) -> Rows:
    return rows


def counting_probes(wanted: Wanted, target: TargetFacts, catalog: ReferenceCatalog) -> list[Probe[Any]]:
    """One probe for each thing that has to be counted."""
    keys = [] if isinstance(catalog.foreign_keys, ProbeFailure) else catalog.foreign_keys
    dangling = [(i, key) for i, key in enumerate(keys) if not _is_sound(key) and not key["over_periods"]]
    asked: list[Probe[Any]] = [_orphans_of(i, key) for i, key in dangling[:MAX_COUNTED]]
    asked += [_roles_missing_in(wanted, i, key) for i, key in enumerate(keys) if _holds_role(wanted, key)]
    asked += [_left_behind(wanted, i, key) for i, key in enumerate(keys) if _needs_role(wanted, key)]
    tables = [] if isinstance(catalog.assignments, ProbeFailure) else catalog.assignments
    user = _user_column(wanted, target)
    if user is not None:
        asked += [
            _unassigned(wanted, user, i) for i, row in enumerate(tables) if _problem(wanted, i, row) is None
        ]
    return asked


def reference_facts(
    wanted: Wanted, catalog: ReferenceCatalog, counted: Answers, asked: Sequence[Probe[Any]]
) -> ReferenceFacts | ProbeFailure:
    """Catalog and counts together."""
    if isinstance(catalog.foreign_keys, ProbeFailure):
        return catalog.foreign_keys
    if isinstance(catalog.assignments, ProbeFailure):
        return catalog.assignments
    found = {probe.name: counted.of(probe) for probe in asked}
    return ReferenceFacts(
        tuple(
            replace(
                _foreign_key(key),
                orphans=found.get(f"orphans_{i}"),
                missing_roles=found.get(f"missing_roles_{i}"),
                left_behind=found.get(f"left_behind_{i}"),
            )
            for i, key in enumerate(catalog.foreign_keys)
        ),
        tuple(
            replace(_assigned(wanted, i, row), orphans=found.get(f"assigned_{i}"))
            for i, row in enumerate(catalog.assignments)
        ),
    )


def _is_sound(key: dict[str, Any]) -> bool:
    return bool(key["validated"] and key["enforced"] and key["watched"])


def _holds_role(wanted: Wanted, key: dict[str, Any]) -> bool:
    return bool(key["from_target"]) and any(own == wanted.role_column for own, _ in key["columns"])


def _needs_role(wanted: Wanted, key: dict[str, Any]) -> bool:
    """Whether rows refer to the role itself, and do not follow it."""
    return (
        bool(key["to_target"] and key["enforced"])
        and key["on_update"] != _CASCADE
        and any(theirs == wanted.role_column for _, theirs in key["columns"])
    )


def _foreign_key(key: dict[str, Any]) -> ForeignKey:
    return ForeignKey(
        name=key["name"],
        referring=f"{key['referring_schema']}.{key['referring_table']}",
        referenced=f"{key['referenced_schema']}.{key['referenced_table']}",
        validated=key["validated"],
        enforced=key["enforced"],
        watched=key["watched"],
        to_target=key["to_target"],
    )


def _orphans_of(position: int, key: dict[str, Any]) -> Probe[int]:
    query = broken_rows(
        identifier(key["referring_schema"], key["referring_table"]),
        identifier(key["referenced_schema"], key["referenced_table"]),
        key["columns"],
    )
    return Probe(f"orphans_{position}", query, _count)


def _count(rows: Rows) -> int:
    return int(rows[0]["rows"])


def _roles_missing_in(wanted: Wanted, position: int, key: dict[str, Any]) -> Probe[tuple[str, ...]]:
    theirs = next(theirs for own, theirs in key["columns"] if own == wanted.role_column)
    probe = sql_probe(
        "missing_roles",
        lambda rows: tuple(row["role"] for row in rows),
        {"to_roles": list(wanted.to_roles)},
        referenced=identifier(key["referenced_schema"], key["referenced_table"]),
        column=identifier(theirs),
    )
    return replace(probe, name=f"missing_roles_{position}")


def _left_behind(wanted: Wanted, position: int, key: dict[str, Any]) -> Probe[int]:
    own = next(own for own, theirs in key["columns"] if theirs == wanted.role_column)
    changed = [old for old, new in zip(wanted.from_roles, wanted.to_roles, strict=True) if old != new]
    probe = sql_probe(
        "left_behind",
        _count,
        {"changed_roles": changed},
        referring=identifier(key["referring_schema"], key["referring_table"]),
        column=identifier(own),
        all_set=sql.SQL(" AND ").join(
            sql.SQL("r.{} IS NOT NULL").format(identifier(name)) for name, _ in key["columns"]
        ),
    )
    return replace(probe, name=f"left_behind_{position}")


def _user_column(wanted: Wanted, target: TargetFacts) -> str | None:
    key = resolve_key(target, wanted.key_columns, wanted.user_column, wanted.role_column)
    return key.user_column if isinstance(key, Key) else None


def _unassigned(wanted: Wanted, user: str, position: int) -> Probe[int]:
    assigned = wanted.assignments[position]
    query = broken_rows(
        identifier(assigned.schema_name, assigned.table), wanted.target, [(assigned.user_column, user)]
    )
    return Probe(f"assigned_{position}", query, _count)


def _assigned(wanted: Wanted, position: int, row: dict[str, Any]) -> AssignedTable:
    return AssignedTable(
        f"{row['schema']}.{row['table']}", tuple(row["columns"] or ()), _problem(wanted, position, row)
    )


def _problem(wanted: Wanted, position: int, row: dict[str, Any]) -> AssignmentProblem | None:
    if not row["present"]:
        return AssignmentProblem.NO_TABLE
    assigned, columns = wanted.assignments[position], row["columns"] or ()
    if assigned.user_column not in columns:
        return AssignmentProblem.NO_USER_COLUMN
    return None if assigned.role_column in columns else AssignmentProblem.NO_ROLE_COLUMN
