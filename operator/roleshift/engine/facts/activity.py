"""What else happens on the table and in the database at this moment."""

from dataclasses import dataclass


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
