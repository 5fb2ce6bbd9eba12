"""Probes: what the checks are judged from, on one read-only session. Nothing is judged here.

A probe that fails leaves a `ProbeFailure`; it never leaves a fact.
"""

from collections.abc import Awaitable, Callable, Sequence
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
from roleshift.engine.target import MIGRATABLE, Column, RelationKind, RoleTypeFacts, TargetFacts, UniqueIndex
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
    columns = tuple(Column(**column) for column in row["columns"] or ())
    return TargetFacts(
        oid=row["oid"],
        schema=row["schema"],
        table=row["table"],
        kind=kind,
        columns=columns,
        unique_indexes=tuple(_unique_index(index) for index in row["unique_indexes"] or ()),
        role_type=await _role_type(session, wanted, columns, row),
        triggers=tuple(row["triggers"] or ()),
        partition_columns=tuple(row["partition_columns"] or ()),
        rows_estimated=row["rows_estimated"],
        bytes=row["bytes"],
        owned=row["owned"],
    )


def _unique_index(index: dict[str, Any]) -> UniqueIndex:
    return UniqueIndex(index["name"], tuple(index["columns"] or ()), index["primary"], index["valid"])


async def _missing(session: Session, wanted: Wanted) -> MissingTarget:
    rows = await session.rows(statement("facts_similar"))
    names = [f"{row['schema']}.{row['table']}" for row in rows]
    elsewhere = [name for name in names if name.endswith(f".{wanted.table}")]
    close = get_close_matches(f"{wanted.schema}.{wanted.table}", names, n=3, cutoff=0.7)
    return MissingTarget(wanted.schema, wanted.table, tuple(dict.fromkeys(elsewhere + close))[:3])


async def _role_type(
    session: Session, wanted: Wanted, columns: Sequence[Column], row: dict[str, Any]
) -> RoleTypeFacts:
    enum = row["enum"] or {}
    refused: list[tuple[str, str]] = []
    for name, values in (
        (wanted.role_column, wanted.to_roles),
        (wanted.seniority_column, wanted.seniorities),
    ):
        column = next((c for c in columns if c.name == name), None)
        if column is not None and values and not (enum and name == wanted.role_column):
            checks = [check for check in row["checks"] or () if check["column"] == name]
            refused += await _refused(session, column, values, checks)
    return RoleTypeFacts(enum.get("enum_type", ""), tuple(enum.get("labels") or ()), tuple(refused))


_CASTS = sql.SQL(
    "SELECT v AS value, (v::{type})::text = v AS fits, {checks} AS allowed"
    " FROM (SELECT v, v::{type} AS {column} FROM unnest(%(values)s::text[]) AS v) AS t"
)


async def _refused(
    session: Session, column: Column, values: Sequence[str], checks: Sequence[dict[str, Any]]
) -> list[tuple[str, str]]:
    """Values that the column would refuse; asked all at once, one by one only if that fails."""
    query = _CASTS.format(
        type=trusted(column.type_name),
        column=identifier(column.name),
        checks=sql.SQL(" AND ").join(
            [
                sql.SQL("true"),
                *(sql.SQL("({}) IS NOT FALSE").format(trusted(check["expression"])) for check in checks),
            ]
        ),
    )
    names = ", ".join(check["name"] for check in checks)
    answer = await attempt(session, lambda: session.rows(query, {"values": list(values)}))
    if isinstance(answer, ProbeFailure):
        if len(values) == 1:
            return [(values[0], answer.message)]
        parts = [await _refused(session, column, [value], checks) for value in values]
        return [refusal for part in parts for refusal in part]
    return [
        (
            row["value"],
            f"does not fit {column.type_name}" if not row["fits"] else f"refused by constraint {names}",
        )
        for row in answer
        if not (row["fits"] and row["allowed"])
    ]


async def role_facts(session: Session, wanted: Wanted) -> RoleFacts:
    """Rows for each role of the target."""
    query = statement("facts_roles").format(
        role=identifier(wanted.role_column), target=identifier(wanted.schema, wanted.table)
    )
    rows = await session.rows(query)
    found = {row["role"]: row["rows"] for row in rows}
    return RoleFacts(rows={r: n for r, n in found.items() if r is not None}, null_rows=found.get(None, 0))


async def collisions(session: Session, wanted: Wanted, others: Sequence[str]) -> int:
    """Rows too many under a unique index of the role column and `others`, once roles are mapped."""
    grouped = [sql.SQL(", t.{}").format(identifier(name)) for name in others]
    query = statement("facts_collisions").format(
        role=identifier(wanted.role_column),
        target=identifier(wanted.schema, wanted.table),
        others=sql.Composed(grouped),
    )
    row = await session.row(query, {"from_roles": list(wanted.from_roles), "to_roles": list(wanted.to_roles)})
    return int(row["collisions"])


async def lock_facts(session: Session, target_oid: int) -> LockFacts:
    """Locks on the target that the write would wait for."""
    rows = await session.rows(statement("facts_locks"), {"oid": target_oid})
    blocking = tuple(
        BlockingSession(row["pid"], row["application"], row["mode"], row["seconds"] or 0.0)
        for row in rows
        if row["granted"]
    )
    return LockFacts(blocking, sum(not row["granted"] for row in rows))
