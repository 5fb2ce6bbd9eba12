"""Values that should be unique and that no valid index keeps so; rows are counted only for these."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from psycopg import sql

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.references import UnwatchedIndex
from roleshift.engine.keys import Key, resolve_key
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes.batch import Answers, Probe, Rows, sql_probe
from roleshift.postgres.probes.wanted import Wanted
from roleshift.postgres.statements import comma, identifier, trusted

MAX_COUNTED = 4
"""Indexes whose rows are counted in one look: each costs a scan and a sort."""


def unwatched_probe(wanted: Wanted) -> Probe[Rows]:
    """Unique indexes that don't keep the whole table's values unique."""
    names = {"schema": wanted.schema, "table": wanted.table}
    return sql_probe("unwatched_indexes", lambda rows: rows, names)


def duplicates_probes(wanted: Wanted, target: TargetFacts, indexes: Rows | ProbeFailure) -> list[Probe[Rows]]:
    """One probe for each such index."""
    if isinstance(indexes, ProbeFailure):
        return []
    key = resolve_key(target, wanted.key_columns, wanted.user_column, wanted.role_column)
    columns = key.columns if isinstance(key, Key) else ()
    return [_counting(i, row, columns) for i, row in enumerate(indexes[:MAX_COUNTED])]


def duplicate_facts(
    indexes: Rows | ProbeFailure, counted: Answers, asked: Sequence[Probe[Rows]]
) -> tuple[UnwatchedIndex, ...] | ProbeFailure:
    """Catalog and counts together; indexes beyond the first few wait until those are mended."""
    if isinstance(indexes, ProbeFailure):
        return indexes
    return tuple(_fact(row, counted.of(probe)) for row, probe in zip(indexes, asked, strict=False))


def _fact(row: dict[str, Any], found: Rows | ProbeFailure) -> UnwatchedIndex:
    index = UnwatchedIndex(
        name=row["name"],
        table=f"{row['schema']}.{row['table']}",
        columns=tuple(row["columns"]),
        per_partition=row["per_partition"],
        duplicates=found if isinstance(found, ProbeFailure) else found[0]["duplicates"],
    )
    return index if isinstance(found, ProbeFailure) else replace(index, examples=tuple(found[0]["examples"]))


def _counting(position: int, row: dict[str, Any], key: Sequence[str]) -> Probe[Rows]:
    names = [identifier(f"value_{i}") for i, _ in enumerate(row["columns"])]
    values = [
        sql.SQL("({}) AS {}").format(trusted(text), name)
        for text, name in zip(row["columns"], names, strict=True)
    ]
    set_for_it = "t.{} IS NOT NULL" if row["nulls_distinct"] else "true"
    probe = sql_probe(
        "duplicates",
        lambda rows: rows,
        key=_key_text(key),
        values=comma(list(values)),
        table=identifier(row["schema"], row["table"]),
        indexed=trusted(row["predicate"] or "true"),
        all_set=sql.SQL(" AND ").join(sql.SQL(set_for_it).format(name) for name in names),
        grouped=comma([sql.SQL("t.{}").format(name) for name in names]),
    )
    return replace(probe, name=f"duplicates_{position}")


def _key_text(key: Sequence[str]) -> sql.Composable:
    """The key as text; without one, where the row lies."""
    if not key:
        return sql.SQL("ctid::text")
    columns = comma([sql.SQL("{}::text").format(identifier(name)) for name in key])
    return sql.SQL("concat_ws(', ', {})").format(columns)
