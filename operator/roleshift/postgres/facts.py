"""Probes: what the checks are judged from, on one read-only session. Nothing is judged here.

A probe that fails leaves a `ProbeFailure`; it never leaves a fact.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from psycopg import sql

from roleshift.engine.facts import (
    BlockingSession,
    LockFacts,
    MissingTarget,
    OtherRelation,
    ProbeFailure,
    RoleFacts,
    ServerFacts,
)
from roleshift.engine.target import (
    MIGRATABLE,
    Column,
    RelationKind,
    RoleTypeFacts,
    TargetFacts,
    UniqueIndex,
    ValueCheck,
)
from roleshift.errors import DatabaseError
from roleshift.postgres.session import Session
from roleshift.postgres.statements import identifier, statement, trusted

_KINDS = {
    "r": RelationKind.TABLE,
    "p": RelationKind.PARTITIONED_TABLE,
    "v": RelationKind.VIEW,
    "m": RelationKind.MATERIALIZED_VIEW,
    "f": RelationKind.FOREIGN_TABLE,
    "S": RelationKind.SEQUENCE,
}

SECOND_LOOK_SECONDS = 1.0
"""A lock of a session whose age is hidden counts once it is held at both ends of this pause."""

Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the manifest says of the target, as the probes need it."""

    schema: str
    table: str
    role_column: str
    from_roles: tuple[str, ...]
    to_roles: tuple[str, ...]
    seniority_column: str
    seniorities: tuple[str, ...]
    previous_role_column: str = ""


async def attempt(session: Session, probe: Callable[[], Awaitable[Fact]]) -> Fact | ProbeFailure:
    """A probe's facts, or why it failed; a failing probe does not end the transaction.

    Raises:
        DatabaseError: the connection itself is gone; then no probe can tell anything.
    """
    try:
        async with session.savepoint():
            return await probe()
    except DatabaseError as error:
        if not session.is_usable:
            raise
        return ProbeFailure(error.reason, error.message, error.sqlstate)


async def server_facts(session: Session) -> ServerFacts:
    """Version, state and identity of the server."""
    return ServerFacts(**await session.row(statement("facts_server")))


async def target_facts(session: Session, wanted: Wanted) -> TargetFacts | MissingTarget | OtherRelation:
    """The target's shape, or what stands in its place."""
    row = await session.row_or_none(
        statement("facts_target"),
        {"schema": wanted.schema, "table": wanted.table, "role": wanted.role_column},
    )
    if row is None:
        return await _missing(session, wanted)
    kind = _KINDS.get(row["kind"], RelationKind.OTHER)
    if kind not in MIGRATABLE:
        return OtherRelation(wanted.schema, wanted.table, kind)
    return TargetFacts(
        oid=row["oid"],
        schema=row["schema"],
        table=row["table"],
        kind=kind,
        columns=tuple(Column(**column) for column in row["columns"] or ()),
        unique_indexes=tuple(_unique_index(index) for index in row["unique_indexes"] or ()),
        role_type=_role_type(row["enum"]) if row["enum"] else RoleTypeFacts(),
        triggers=tuple(row["triggers"] or ()),
        partition_columns=tuple(row["partition_columns"] or ()),
        rows_estimated=row["rows_estimated"],
        bytes=row["bytes"],
        owned=row["owned"],
        value_checks=tuple(ValueCheck(**check) for check in row["checks"] or ()),
    )


def _unique_index(index: dict[str, Any]) -> UniqueIndex:
    return UniqueIndex(**{**index, "columns": tuple(index["columns"] or ())})


async def _missing(session: Session, wanted: Wanted) -> MissingTarget:
    rows = await session.rows(statement("facts_similar"))
    names = [f"{row['schema']}.{row['table']}" for row in rows]
    elsewhere = [name for name in names if name.endswith(f".{wanted.table}")]
    close = get_close_matches(f"{wanted.schema}.{wanted.table}", names, n=3, cutoff=0.7)
    return MissingTarget(wanted.schema, wanted.table, tuple(dict.fromkeys(elsewhere + close))[:3])


def _role_type(enum: dict[str, Any]) -> RoleTypeFacts:
    return RoleTypeFacts(enum["enum_type"], tuple(enum["labels"]), enum["owned"])


async def role_facts(session: Session, wanted: Wanted) -> RoleFacts:
    """Rows for each role of the target."""
    query = statement("facts_roles").format(
        role=identifier(wanted.role_column), target=identifier(wanted.schema, wanted.table)
    )
    rows = await session.rows(query)
    found = {row["role"]: row["rows"] for row in rows}
    return RoleFacts(rows={r: n for r, n in found.items() if r is not None}, null_rows=found.get(None, 0))


async def collisions(session: Session, wanted: Wanted, index: UniqueIndex) -> int:
    """Rows too many under a unique index that holds the role, once roles are mapped."""
    others = [identifier("t", name) for name in index.columns if name != wanted.role_column]
    set_for_it = sql.SQL(" AND {} IS NOT NULL" if index.nulls_distinct else "")
    query = statement("facts_collisions").format(
        role=identifier(wanted.role_column),
        target=identifier(wanted.schema, wanted.table),
        indexed=trusted(index.predicate or "true"),
        others_set=sql.Composed([set_for_it.format(other) for other in others]),
        others=sql.Composed([sql.SQL(", {}").format(other) for other in others]),
    )
    row = await session.row(query, {"from_roles": list(wanted.from_roles), "to_roles": list(wanted.to_roles)})
    return int(row["collisions"])


async def lock_facts(session: Session, target_oid: int) -> LockFacts:
    """Locks on the target that the write would wait for.

    A session whose age is hidden is looked at twice: one that is gone after a second was nobody's worry.
    """
    rows = await session.rows(statement("facts_locks"), {"oid": target_oid})
    hidden = {row["holder"] for row in rows if row["granted"] and row["seconds"] is None}
    if hidden:
        await asyncio.sleep(SECOND_LOOK_SECONDS)
        again = await session.rows(statement("facts_locks"), {"oid": target_oid})
        rows = [row for row in again if row["seconds"] is not None or row["holder"] in hidden]
    blocking = tuple(
        BlockingSession(row["who"], row["mode"], row["seconds"]) for row in rows if row["granted"]
    )
    return LockFacts(blocking, sum(not row["granted"] for row in rows))
