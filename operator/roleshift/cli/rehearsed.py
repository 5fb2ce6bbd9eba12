"""A rehearsal from the command line and the look before it: what every report of it says. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from roleshift.api import Phase
from roleshift.cli.exit_codes import ExitCode
from roleshift.cli.formats import count, printable
from roleshift.cli.look import Look
from roleshift.engine.amounts import amount
from roleshift.engine.outcome import Advance
from roleshift.engine.rehearsal import (
    NEVER_REHEARSED,
    NOT_IN_A_TRANSACTION,
    Rehearsal,
    comparison,
    rehearsal_lock,
)
from roleshift.engine.run import LogEntry, LogOutcome


class Way(StrEnum):
    """Where it was rehearsed."""

    TRANSACTION = "Transaction"
    DUMP = "CloneByDump"
    TEMPLATE = "CloneByTemplate"


class Result(StrEnum):
    """What a rehearsal came to."""

    COMPLETED = "Completed"
    INCOMPLETE = "Incomplete"
    FAILED = "Failed"
    NOT_BEGUN = "NotBegun"


_HOW = {
    Way.TRANSACTION: "in a transaction that was rolled back; nothing of it stays in the database",
    Way.DUMP: "on a clone that pg_dump made and that was dropped; the database itself was only read",
    Way.TEMPLATE: "on a copy of the database's files that was dropped; the database itself was only read",
}
_EXIT_CODES = {
    Result.COMPLETED: ExitCode.WANTED,
    Result.INCOMPLETE: ExitCode.WAITS_FOR_A_PERSON,
    Result.FAILED: ExitCode.FAILED,
    Result.NOT_BEGUN: ExitCode.FAILED,
}
_RIGHTS = (
    "rights: in the clone every object belongs to the role that made it; the rights in the database were "
    "looked up by the check BackupPermissions"
)
_SETTINGS = "settings of the database itself (ALTER DATABASE … SET), which a clone does not have"


@dataclass(frozen=True)
class Rehearsed:
    """What came of it.

    Attributes:
        way: None where the gate was closed, so that nothing was rehearsed.
        owners_kept: whether a clone has the owners and rights of the database.
    """

    look: Look
    way: Way | None = None
    found: Rehearsal | None = None
    owners_kept: bool = True

    @property
    def result(self) -> Result:
        """In one word."""
        if self.found is None:
            return Result.NOT_BEGUN
        if self.found.is_incomplete:
            return Result.INCOMPLETE
        return Result.COMPLETED if self.found.is_complete else Result.FAILED

    @property
    def exit_code(self) -> ExitCode:
        """0 only where everything was tried and went well."""
        return _EXIT_CODES[self.result]

    @property
    def headline(self) -> str:
        """How it was rehearsed."""
        return "Nothing was rehearsed." if self.way is None else f"Rehearsed {_HOW[self.way]}."

    @property
    def verdict(self) -> list[str]:
        """What it comes to; each one line."""
        if self.found is None:
            return self.look.verdict("")
        if isinstance(self.found.end, Advance):
            return ["Everything that was rehearsed went well, forward and back."]
        return [f"{self.found.end.reason}: {' '.join(self.found.end.message.split())}"]

    @property
    def not_rehearsed(self) -> list[str]:
        """What counts as not tried."""
        if self.way is None:
            return []
        if self.way is Way.TRANSACTION:
            return list(NOT_IN_A_TRANSACTION)
        return [*([] if self.owners_kept else [_RIGHTS]), _SETTINGS, *NEVER_REHEARSED]

    @property
    def points(self) -> list[tuple[str, str]]:
        """What was measured: a few words, and the figure."""
        return [] if self.found is None else list(_measured(self, self.found))


def _measured(made: Rehearsed, found: Rehearsal) -> Iterator[tuple[str, str]]:
    yield "Rows", f"{count(found.rows)} written"
    failed = sum(result.verdict != "Passed" for result in found.verification)
    yield "Verifications", f"{len(found.verification) - failed} passed, {failed} failed"
    yield "Whole rows", comparison(found)
    if made.way is Way.TRANSACTION:
        plan = made.look.found.plan
        lock = f": {rehearsal_lock(plan).partition(' on ')[0]}" if plan and found.lock_seconds else ""
        yield "Locked", f"{found.lock_seconds:.1f} s{lock}"
    if found.wal_bytes is not None:
        yield "WAL", f"{amount(found.wal_bytes)}, other sessions' included"


def step_line(step: LogEntry, done: str, failed: str) -> str:
    """One phase as people read it.

    Args:
        done, failed: the signs to begin with.
    """
    sign = done if step.outcome is LogOutcome.REHEARSED else failed
    seconds = (step.ended_at - step.started_at).total_seconds()
    return printable(
        f"  {sign} {step.step:<{_NAME_CELLS}} {' '.join(step.message.split())} ({seconds:.1f} s)"
    )


_NAME_CELLS = max(len(phase) for phase in Phase)
