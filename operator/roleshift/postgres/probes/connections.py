"""Connections in use, and signs of a pooler that hands server processes from one client to another."""

from dataclasses import replace
from typing import Any

from roleshift.engine.facts.connections import ConnectionFacts, Quota
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.postgres.probes.batch import Probe, Rows, sql_probe
from roleshift.postgres.session import Backend


def connections_probe(opened_on: Backend) -> Probe[ConnectionFacts]:
    """Connections and their limits, asked on a session that was opened on that server process."""

    def read(rows: Rows) -> ConnectionFacts:
        (row,) = rows
        moved = row["backend_pid"] != opened_on.pid
        return _facts(row, "this session began on another server process than it is on now" if moved else "")

    return sql_probe("connections", read)


def pooler_beside(
    facts: ConnectionFacts | ProbeFailure, looking: Backend, other: Backend
) -> ConnectionFacts | ProbeFailure:
    """The facts with what two open sessions tell together: without a pooler each has its own process."""
    if isinstance(facts, ProbeFailure) or facts.pooler or looking.pid != other.pid:
        return facts
    return replace(facts, pooler=f"two sessions were given the same server process (pid {other.pid})")


def _facts(row: dict[str, Any], pooler: str) -> ConnectionFacts:
    return ConnectionFacts(
        used=row["used"],
        maximum=row["maximum"],
        reserved=row["reserved"],
        own=row["own"],
        role=Quota(row["role_used"], row["role_limit"]),
        database=Quota(row["database_used"], row["database_limit"]),
        pooler=pooler,
    )
