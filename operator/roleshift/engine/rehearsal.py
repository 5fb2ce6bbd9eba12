"""What a rehearsal found, and what it can't find: values and words. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from roleshift.engine.outcome import Advance, Fail, Replan
from roleshift.engine.plan import AddColumn, AddEnumValue, Plan
from roleshift.engine.run import LogEntry
from roleshift.engine.verification import VerificationResult
from roleshift.errors import Reason

NEVER_REHEARSED = (
    "how the application and other sessions get on with the new roles",
    "replication: what standbys and subscribers make of it",
)
"""What no rehearsal shows."""
NOT_IN_A_TRANSACTION = (
    "the COMMIT itself, and what is sent or done only after it (NOTIFY)",
    *NEVER_REHEARSED,
)
"""What can't be rehearsed in a transaction that is rolled back."""

End = Advance | Replan | Fail


@dataclass(frozen=True, slots=True)
class RowSet:
    """A table at one moment: rows, and an order-independent hash over whole rows, as decimal text."""

    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of a rehearsal.

    Attributes:
        end: Advance where everything went well; Replan where the table no longer fits the plan.
        steps: each phase that was rehearsed, the one that failed last.
        verification: what was verified before the (imagined) commit and after it.
        rows: rows written.
        before, after: the table at the beginning, and once the old roles were restored; None where the
            rehearsal did not come so far.
        wal_bytes: WAL that the server wrote meanwhile, other sessions' included; None where not known.
        lock_seconds: how long the table was locked; 0 where no lock was had.
    """

    end: End
    steps: tuple[LogEntry, ...] = ()
    verification: tuple[VerificationResult, ...] = ()
    rows: int = 0
    before: RowSet | None = None
    after: RowSet | None = None
    wal_bytes: int | None = None
    lock_seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether everything was tried and went well."""
        return isinstance(self.end, Advance)

    @property
    def is_incomplete(self) -> bool:
        """Whether something that matters could not be tried."""
        return isinstance(self.end, Fail) and self.end.reason is Reason.REHEARSAL_INCOMPLETE


def locks_readers(plan: Plan) -> bool:
    """Whether readers wait for as long as the rehearsal takes: it adds a column in its transaction."""
    return any(isinstance(change, AddColumn) for change in plan.schema_changes)


def rehearsal_lock(plan: Plan) -> str:
    """Which lock a rehearsal takes, for how long, and who waits."""
    held = "for as long as the rehearsal takes"
    if plan.estimated_seconds is not None:
        # Rows are written twice: with their new roles, and with their old ones again.
        held = f"for about {2 * plan.estimated_seconds} s"
    mode, waits = (
        "SHARE ROW EXCLUSIVE",
        "SELECT goes on; INSERT, UPDATE, DELETE, VACUUM and CREATE INDEX wait",
    )
    if locks_readers(plan):
        mode, waits = "ACCESS EXCLUSIVE", "everybody waits, readers too, because columns are added"
    return f"{mode} on {plan.shape.display_name} {held}, until the rollback: {waits}"


def unusable_labels(plan: Plan) -> tuple[str, ...]:
    """Enum values that the plan adds: PostgreSQL uses none before the COMMIT that adds it."""
    return tuple(one.label for one in plan.schema_changes if isinstance(one, AddEnumValue))


def incomplete(labels: tuple[str, ...]) -> Fail:
    """The end of a rehearsal whose write can't be tried."""
    named = ", ".join(f'"{label}"' for label in labels)
    return Fail(
        Reason.REHEARSAL_INCOMPLETE,
        "rehearsed were the schema statements and the lock; not the image, the write, its verification and "
        f"the rollback: PostgreSQL uses the new enum value {named} only after the COMMIT that adds it. "
        "Nothing was changed. Rehearse on a clone (roleshift rehearse --clone -f FILE), or add the value and "
        "apply again",
        logged=True,
    )


def failed(reason: Reason, message: str) -> Fail:
    """The end of a rehearsal of a run that would not have gone well."""
    return Fail(
        reason, f"this was a rehearsal, nothing was changed; the run would end so: {message}", logged=True
    )


def summary(found: Rehearsal) -> str:
    """What a rehearsal that went well showed, in one sentence after the other."""
    return "; ".join(_facts(found))


def _facts(found: Rehearsal) -> Iterator[str]:
    yield (
        f"rehearsed and rolled back, nothing was changed: {found.rows} rows written, "
        f"{len(found.verification)} verifications passed, the old roles restored"
    )
    yield comparison(found)
    yield f"the table was locked for {found.lock_seconds:.1f} s"
    if found.wal_bytes is not None:
        yield f"{found.wal_bytes} bytes of WAL, other sessions' included"
    yield f"not rehearsed: {'; '.join(NOT_IN_A_TRANSACTION)}"
    yield "set spec.mode to Apply to migrate"


def comparison(found: Rehearsal) -> str:
    """Whether whole rows are after the restore what they were."""
    if found.before is None or found.after is None:
        return "rows were not compared"
    if found.before == found.after:
        return f"all {found.before.rows} rows are as before to the last column"
    return (
        "after the restore other columns differ from before, which triggers on the table change: a rollback "
        "brings back the columns that the run writes and no others"
    )
