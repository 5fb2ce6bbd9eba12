"""What else happens on the table and in the database at this moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.errors import Reason


@dataclass(frozen=True, slots=True)
class BlockingSession:
    """A transaction whose lock on the target would make the write wait.

    Attributes:
        who: pid and application, or the name of a prepared transaction.
        seconds: age of the transaction; None where the run's role may not see it.
    """

    who: str
    mode: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class LockFacts:
    """Locks on the target that conflict with the write, and sessions that wait for a lock on it."""

    blocking: tuple[BlockingSession, ...]
    waiting: int


@dataclass(frozen=True, slots=True)
class Deadlocks:
    """How many deadlocks the server has counted in the database.

    Attributes:
        seconds: for how long it has counted; None where it never began anew.
    """

    count: int
    seconds: float | None


class Hindrance(StrEnum):
    """What a job on the target means for the write."""

    NONE = "None"
    YIELDS = "Yields"
    BLOCKS = "Blocks"


@dataclass(frozen=True, slots=True)
class Job:
    """A maintenance command or a COPY that is under way on the target.

    Attributes:
        who: pid and application.
        command: for people, such as "CREATE INDEX CONCURRENTLY (building index)".
    """

    who: str
    command: str
    hindrance: Hindrance


@dataclass(frozen=True, slots=True)
class OtherRun:
    """Another run that occupies the target, as the ledger has it.

    Attributes:
        copied: it came here with a copy of another database, so that nobody works on it here.
    """

    namespace: str
    name: str
    phase: str
    copied: bool = False


@dataclass(frozen=True, slots=True)
class CronJob:
    """An active job of pg_cron in this database."""

    name: str
    schedule: str


class TransactionKind(StrEnum):
    """What keeps a transaction open."""

    SESSION = "Session"
    PREPARED = "Prepared"


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction of somebody else in this database.

    Attributes:
        who: pid and application, or the name of a prepared transaction.
        state: as pg_stat_activity says it; "" where the run's role may not see it.
        seconds: its age; None where the run's role may not see it.
    """

    who: str
    kind: TransactionKind
    state: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What keeps vacuum from removing dead rows on behalf of another server.

    Attributes:
        name: a replication slot, or a standby that sends hot-standby feedback.
        active: whether a server uses it now.
        transactions: how far back it reaches, in transactions.
    """

    name: str
    active: bool
    transactions: int


_NOT_ASKED = ProbeFailure(Reason.CHECKS_FAILED, "the table was not found")


@dataclass(frozen=True, slots=True)
class ActivityFacts:
    """What else is going on; what needs the target stays unasked where there is none.

    Attributes:
        users: sessions of others that touch the target, by application.
    """

    users: Mapping[str, int] | ProbeFailure = _NOT_ASKED
    jobs: tuple[Job, ...] | ProbeFailure = _NOT_ASKED
    runs: tuple[OtherRun, ...] | ProbeFailure = _NOT_ASKED
    scheduled: tuple[CronJob, ...] | ProbeFailure = _NOT_ASKED
    transactions: tuple[OpenTransaction, ...] | ProbeFailure = _NOT_ASKED
    feedback: tuple[Feedback, ...] | ProbeFailure = _NOT_ASKED
    deadlocks: Deadlocks | ProbeFailure = _NOT_ASKED


NO_ACTIVITY = ActivityFacts()
"""Nothing was asked."""
