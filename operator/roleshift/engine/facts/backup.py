"""What the backup and the ledger need, and what was tried of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.errors import Reason


@dataclass(frozen=True, slots=True)
class PermissionFacts:
    """What was tried as the run's role and undone again.

    Attributes:
        missing: GRANT or ALTER statements that would allow what was refused, most needed first.
        ledger: what the ledger is like, in words ("will be created", "version 1").
        planned: whether the write itself could be planned by the server.
    """

    missing: tuple[str, ...]
    ledger: str
    planned: bool = True


@dataclass(frozen=True, slots=True)
class LedgerFunctionFacts:
    """One function of the ledger's schema. Checksums are SHA-256, in hexadecimal.

    Attributes:
        expected: what this version lays down.
        found: what the server holds; None where there is no such function.
        registered: what the registry says; None where it has no entry.
    """

    signature: str
    expected: str
    found: str | None
    registered: str | None


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """The ledger in the target's database.

    Attributes:
        version: None where there is no ledger.
        known: the version that this operator works with.
        unreadable: tables of it that the run's role may not read.
        missing: tables that a ledger of its version has and that are not there.
        functions: of a ledger at the known version; else empty.
    """

    version: int | None
    known: int
    unreadable: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    functions: tuple[LedgerFunctionFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class SpaceFacts:
    """Sizes in bytes that an estimate of a run's needs begins with.

    Attributes:
        heap_bytes: of the target and its partitions, without indexes and TOAST.
        indexes: of the target; of the partition that has most of them.
        widths: average bytes of a column's values, none for a NULL; of a column that can't be read, or
            was never analyzed, the type's; missing if the type has none.
    """

    database_bytes: int
    heap_bytes: int
    index_bytes: int
    indexes: int
    widths: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArchiverFacts:
    """What the server's WAL archiver did.

    Attributes:
        mode: the setting archive_mode.
        configured: whether a command or a library is set.
        seconds_since_archived: None while nothing was archived since the statistics were reset.
        last_archived, last_failed: names of WAL segments; None where there is none.
        failing: whether the last thing that happened was a failure.
        waiting: whole WAL segments after the last archived one; None where that can't be told.
    """

    mode: str
    configured: bool
    seconds_since_archived: float | None
    last_archived: str | None
    last_failed: str | None
    failing: bool
    waiting: int | None


_NOT_REACHED = ProbeFailure(Reason.CHECKS_FAILED, "the table was not found")


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What the checks of the category Backup are judged from, except for what was tried."""

    ledger: LedgerFacts | ProbeFailure = _NOT_REACHED
    archiver: ArchiverFacts | ProbeFailure = _NOT_REACHED
    space: SpaceFacts | ProbeFailure = _NOT_REACHED


NO_BACKUP = BackupFacts()
"""Before anything was looked at."""
