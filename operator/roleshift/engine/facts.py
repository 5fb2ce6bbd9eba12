"""What the checks are judged from: facts that probes measured. Values, no judgement.

A probe that failed leaves a `ProbeFailure` where its facts would be, so that no
check can take silence for health.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from roleshift.engine.target import Refusal, RelationKind, TargetFacts
from roleshift.errors import Reason


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """Why a probe could not tell."""

    reason: Reason
    message: str
    sqlstate: str = ""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server and the session.

    Attributes:
        version: `server_version_num`, for instance 180004.
        database_identity: system identifier and database OID; tells copies apart.
    """

    version: int
    version_text: str
    in_recovery: bool
    read_only: bool
    database: str
    user: str
    superuser: bool
    database_identity: str


@dataclass(frozen=True, slots=True)
class MissingTarget:
    """There is no such relation.

    Attributes:
        similar: names close to the one that was asked for, best first.
    """

    schema: str
    table: str
    similar: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OtherRelation:
    """There is a relation of that name, and it is no table."""

    schema: str
    table: str
    kind: RelationKind


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """How many rows hold each role.

    Attributes:
        rows: role to rows; NULL is counted apart.
        null_rows: rows whose role is NULL.
    """

    rows: Mapping[str, int]
    null_rows: int

    @property
    def total(self) -> int:
        """All rows of the table."""
        return sum(self.rows.values()) + self.null_rows


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
class Facts:
    """One look at the database, from which every check is judged.

    Attributes:
        collisions: rows that would share a unique value once their roles are mapped.
        refused: values that the columns would refuse.
    """

    server: ServerFacts | ProbeFailure
    target: TargetFacts | MissingTarget | OtherRelation | ProbeFailure
    roles: RoleFacts | ProbeFailure
    collisions: int | ProbeFailure
    locks: LockFacts | ProbeFailure
    permissions: PermissionFacts | ProbeFailure
    refused: tuple[Refusal, ...] | ProbeFailure = ()
