"""Asking many probes in one round trip, without letting one that fails spoil the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from psycopg import sql

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.errors import DatabaseError
from roleshift.postgres.session import Query, Session
from roleshift.postgres.statements import identifier, statement

Fact = TypeVar("Fact")
Fact_co = TypeVar("Fact_co", covariant=True)
Rows = list[dict[str, Any]]

_ALONE_LOCK_SECONDS = 0.25
"""The whole batch has waited for the lock before; each of its probes need not."""


@dataclass(frozen=True, slots=True)
class Probe(Generic[Fact_co]):
    """One question to the server.

    Attributes:
        name: unlike that of every other probe.
        query: a SELECT; its rows come back as JSON objects, so times come as text.
        read: the facts that the rows tell.
        params: a name means the same value in every probe of a batch.
    """

    name: str
    query: Query
    read: Callable[[Rows], Fact_co]
    params: Mapping[str, Any] = field(default_factory=dict)


class Answers:
    """What a batch of probes came to."""

    def __init__(self, rows: Mapping[str, Rows | ProbeFailure]) -> None:
        self._rows = rows

    def of(self, probe: Probe[Fact]) -> Fact | ProbeFailure:
        """The facts of a probe of the batch, or why it could not tell."""
        rows = self._rows[probe.name]
        return rows if isinstance(rows, ProbeFailure) else probe.read(rows)


def sql_probe(
    name: str,
    read: Callable[[Rows], Fact],
    params: Mapping[str, Any] | None = None,
    **parts: sql.Composable,
) -> Probe[Fact]:
    """The probe whose query is `sql/probes/<name>.sql`, composed with `parts`."""
    return Probe(name, statement(f"probes/{name}").format(**parts), read, params or {})


async def ask(session: Session, probes: Sequence[Probe[Any]], statement_seconds: float) -> Answers:
    """All probes in one statement and one round trip; each by itself if that fails.

    Args:
        statement_seconds: limit of the statement, and of each probe that is asked by itself.

    Raises:
        DatabaseError: the connection itself is gone; then no probe can tell anything.
    """
    try:
        (row,) = await session.attempt(_together(probes), _params(probes), statement_seconds)
    except DatabaseError:
        if not session.is_usable:
            raise
        await session.give_up_on_locks_after(_ALONE_LOCK_SECONDS)
        return Answers({one.name: await _alone(session, one, statement_seconds) for one in probes})
    return Answers(row)


async def ask_one(session: Session, probe: Probe[Fact], statement_seconds: float) -> Fact | ProbeFailure:
    """One probe by itself."""
    return (await ask(session, [probe], statement_seconds)).of(probe)


async def _alone(session: Session, probe: Probe[Any], statement_seconds: float) -> Rows | ProbeFailure:
    try:
        (row,) = await session.attempt(_together([probe]), probe.params, statement_seconds)
    except DatabaseError as error:
        if not session.is_usable:
            raise
        return ProbeFailure(error.reason, error.message, error.sqlstate)
    rows: Rows = row[probe.name]
    return rows


_ROWS = sql.SQL("(SELECT coalesce(jsonb_agg(to_jsonb(q)), '[]') FROM ({query}) AS q) AS {name}")


def _together(probes: Sequence[Probe[Any]]) -> sql.Composed:
    parts = [_ROWS.format(query=one.query, name=identifier(one.name)) for one in probes]
    return sql.SQL("SELECT {}").format(sql.SQL(",\n").join(parts))


def _params(probes: Sequence[Probe[Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for probe in probes:
        for name, value in probe.params.items():
            assert merged.setdefault(name, value) == value, f"{probe.name} means another {name}"
    return merged
