"""How many rows hold each role: one statement for the look before a run and for the write itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from roleshift.api.target import Lookup
from roleshift.engine.facts.table import ElementFacts, LookupFacts, RoleFacts
from roleshift.postgres.moving import Moving
from roleshift.postgres.session import Session
from roleshift.postgres.statements import identifier, of, statement, target_name

MAX_LOOKED_UP = 10_000
"""Rows of a lookup table that are read; one with more is no list of roles."""

Row = Mapping[str, Any]


def query(moving: Moving) -> sql.Composed:
    """Rows for each value of the role column, in the scope."""
    shape = moving.shape
    parts: dict[str, sql.Composable] = {
        "role": of("t", shape.role),
        "target": target_name(shape),
        "scope": moving.in_scope("t"),
        "earlier": moving.moved_earlier("t"),
    }
    if not shape.is_array:
        return statement("parts/roles").format(**parts)
    return statement("parts/roles_of_arrays").format(
        moves=moving.moves("t"), mapping=moving.mapping("m"), **parts
    )


def read(rows: Sequence[Row], moving: Moving) -> RoleFacts:
    """The rows of `query` as facts, by stored value."""
    held = {row["role"]: row for row in rows if row["role"] is not None}
    return RoleFacts(
        rows={str(role): _count(row, "rows") for role, row in held.items() if _count(row, "rows")},
        null_rows=sum(_count(row, "rows") for row in rows if row["role"] is None),
        earlier={str(role): _count(row, "earlier") for role, row in held.items() if row["earlier"]},
        lost={str(role): _count(row, "lost") for role, row in held.items() if row.get("lost")},
        elements=_elements(rows) if moving.shape.is_array else None,
    )


def _elements(rows: Sequence[Row]) -> ElementFacts:
    first = rows[0]
    return ElementFacts(*(_count(first, name) for name in ("total", "moving", "nested")))


def _count(row: Row, name: str) -> int:
    return int(row[name] or 0)


def by_name(facts: RoleFacts, lookup: LookupFacts | None) -> RoleFacts:
    """The same by the names that the lookup table gives; a key that it lacks stays a key."""
    if lookup is None:
        return facts
    rows, earlier, lost = (_named(one, lookup) for one in (facts.rows, facts.earlier, facts.lost))
    return RoleFacts(rows, facts.null_rows, earlier, lost, facts.elements)


def _named(counts: Mapping[str, int], lookup: LookupFacts) -> dict[str, int]:
    found: Counter[str] = Counter()
    for value, rows in counts.items():
        found[lookup.names.get(value, f"{value} (no such key)")] += rows
    return dict(found)


def lookup_query(lookup: Lookup) -> sql.Composed:
    """Keys and names of the lookup table."""
    return statement("parts/lookup").format(
        table=identifier(lookup.schema_name, lookup.table),
        key=identifier(lookup.key_column),
        name=identifier(lookup.name_column),
        limit=sql.Literal(MAX_LOOKED_UP + 1),
    )


def read_lookup(rows: Sequence[Row]) -> LookupFacts:
    """The rows of `lookup_query` as facts."""
    known = {row["key"]: row["name"] for row in rows if None not in (row["key"], row["name"])}
    doubled = tuple(name for name, keys in Counter(known.values()).items() if keys > 1)
    return LookupFacts(known, doubled, more=len(rows) > MAX_LOOKED_UP)


async def look_up(session: Session, lookup: Lookup | None) -> LookupFacts | None:
    """What the lookup table says now; None where the manifest names none."""
    return None if lookup is None else read_lookup(await session.rows(lookup_query(lookup)))


async def count_roles(session: Session, moving: Moving, lookup: LookupFacts | None) -> RoleFacts:
    """Rows for each role by name, in the scope."""
    return by_name(read(await session.rows(query(moving)), moving), lookup)
