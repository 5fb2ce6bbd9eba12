"""What the backup and the ledger need, and what was tried of it."""

from dataclasses import dataclass


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
