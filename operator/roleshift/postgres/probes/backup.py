"""The ledger, the room that a run needs, and the server's own backups. What is tried is `permissions`'."""

from collections.abc import Mapping
from typing import Any

from roleshift.engine.facts.backup import (
    ArchiverFacts,
    BackupFacts,
    LedgerFacts,
    LedgerFunctionFacts,
    SpaceFacts,
)
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.target import TargetFacts
from roleshift.postgres.functions import FUNCTIONS, checksum_of
from roleshift.postgres.ledger_schema import TABLES, VERSION
from roleshift.postgres.probes.batch import Answers, Probe, Rows, ask, sql_probe
from roleshift.postgres.probes.wanted import oid_of
from roleshift.postgres.session import Session

_CATALOG_SECONDS = 10.0
_VERSION_TABLE, _REGISTRY_TABLE = "ledger_version", "migration_validation_functions"

_LEDGER: Probe[Rows] = sql_probe(
    "ledger",
    lambda rows: rows,
    {
        "ledger_tables": [*TABLES],
        "ledger_functions": [function.signature for function in FUNCTIONS],
    },
)
_VERSION = sql_probe("ledger_version", lambda rows: int(rows[0]["version"] or 0))
_REGISTRY = sql_probe("ledger_functions", lambda rows: {row["name"]: row["checksum"] for row in rows})


def _archiver(rows: Rows) -> ArchiverFacts:
    (row,) = rows
    return ArchiverFacts(**row)


ARCHIVER = sql_probe("archiver", _archiver)

WITHOUT_TARGET: tuple[Probe[Any], ...] = (_LEDGER, ARCHIVER)
"""Probes of the first batch."""


def _space(rows: Rows) -> SpaceFacts:
    (row,) = rows
    return SpaceFacts(**{**row, "widths": row["widths"] or {}})


class AfterFirst:
    """Probes of the second batch: what of the ledger is there is read, and the target is measured.

    Args:
        target: None where there is none.
    """

    def __init__(self, first: Answers, target: TargetFacts | None) -> None:
        self._first = first
        self._space = sql_probe("space", _space, oid_of(target)) if target else None
        found = first.of(_LEDGER)
        self._found = found if isinstance(found, ProbeFailure) else {row["name"]: row for row in found}

    @property
    def knows_runs(self) -> bool:
        """Whether earlier runs can be read."""
        return self._is_readable("migration_run") and self._is_readable("migration_backup")

    @property
    def probes(self) -> list[Probe[Any]]:
        """What is asked."""
        wanted: list[Probe[Any]] = [self._space] if self._space else []
        wanted += [_VERSION] if self._is_readable(_VERSION_TABLE) else []
        return wanted + ([_REGISTRY] if self._is_readable(_REGISTRY_TABLE) else [])

    def facts(self, second: Answers) -> BackupFacts:
        """What both batches told."""
        known = BackupFacts(ledger=self._ledger(second), archiver=self._first.of(ARCHIVER))
        if self._space is None:
            return known
        return BackupFacts(known.ledger, known.archiver, second.of(self._space))

    def _is_readable(self, table: str) -> bool:
        return not isinstance(self._found, ProbeFailure) and bool(self._found.get(table, {}).get("readable"))

    def _ledger(self, second: Answers) -> LedgerFacts | ProbeFailure:
        if isinstance(self._found, ProbeFailure):
            return self._found
        if _VERSION_TABLE not in self._found:
            return LedgerFacts(None, VERSION)
        unreadable = tuple(name for name in TABLES if self._found.get(name, {}).get("readable") is False)
        if _VERSION_TABLE in unreadable:
            return LedgerFacts(0, VERSION, unreadable)
        version = second.of(_VERSION)
        if isinstance(version, ProbeFailure):
            return version
        registered = second.of(_REGISTRY) if self._is_readable(_REGISTRY_TABLE) else {}
        if isinstance(registered, ProbeFailure):
            return registered
        return LedgerFacts(
            version,
            VERSION,
            unreadable,
            missing=tuple(
                name for name, since in TABLES.items() if since <= version and name not in self._found
            ),
            functions=_functions(self._found, registered) if version == VERSION else (),
        )


def _functions(
    found: Mapping[str, Mapping[str, Any]], registered: Mapping[str, str]
) -> tuple[LedgerFunctionFacts, ...]:
    return tuple(
        LedgerFunctionFacts(
            function.signature,
            expected=checksum_of(function),
            found=found.get(function.signature, {}).get("checksum"),
            registered=registered.get(function.signature),
        )
        for function in FUNCTIONS
    )


async def without_target(session: Session, first: Answers) -> BackupFacts:
    """The same where there is no target: costs a round trip of its own if there is a ledger."""
    others = AfterFirst(first, None)
    return others.facts(await ask(session, others.probes, _CATALOG_SECONDS) if others.probes else first)
