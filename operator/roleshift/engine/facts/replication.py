"""Standbys and replication slots, as the server sees them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standby:
    """A receiver of this server's WAL.

    Attributes:
        hidden: whether the run's role may not see how far it is.
        synchronous: whether commits wait for it.
        bytes_behind: WAL that it has not applied; None where it does not say.
        seconds_behind: how long that WAL waits already; 0 when none does, None where it is not known.
    """

    name: str
    hidden: bool
    synchronous: bool
    bytes_behind: int | None
    seconds_behind: float | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot.

    Attributes:
        bytes_held: WAL that is kept for it; None where it keeps none.
        wal_status: reserved, extended, unreserved or lost; "" where the server does not say.
        inactive_seconds: since when nobody uses it; None before PostgreSQL 17, or while it is used.
    """

    name: str
    active: bool
    bytes_held: int | None
    wal_status: str
    inactive_seconds: float | None


@dataclass(frozen=True, slots=True)
class ReplicationFacts:
    """Replication from and to this server.

    Attributes:
        own_lag_seconds: how far a server in recovery is behind; None where it is none, or not known.
        shared_storage: whether its standbys read the same storage and appear nowhere here (Aurora).
        synchronous: synchronous_standby_names; "" where commits wait for nobody.
    """

    in_recovery: bool
    own_lag_seconds: float | None
    shared_storage: bool
    synchronous: str
    standbys: tuple[Standby, ...]
    slots: tuple[Slot, ...]
