"""What the server says of time and WAL, to be read before and after a piece of work."""

from dataclasses import dataclass
from datetime import datetime

from roleshift.postgres.session import Session
from roleshift.postgres.statements import statement


@dataclass(frozen=True, slots=True)
class Reading:
    """The server's clock, and the bytes of WAL that all its sessions have written."""

    at: datetime
    wal_bytes: int

    def seconds_since(self, earlier: "Reading") -> float:
        """Seconds from an earlier reading to this one."""
        return (self.at - earlier.at).total_seconds()


@dataclass(frozen=True, slots=True)
class OwnWAL:
    """The bytes of WAL that one server process has written."""

    pid: int
    wal_bytes: int


async def read(session: Session) -> Reading:
    """The server's clock and WAL, at any moment."""
    row = await session.row(statement("meter"))
    return Reading(row["at"], row["wal_bytes"])


async def own_wal(session: Session) -> OwnWAL | None:
    """What this session wrote; None where the server can't tell. Only between transactions."""
    if not (await session.row(statement("own_wal_is_known")))["known"]:
        return None
    await session.execute(statement("own_wal_report"))
    row = await session.row_or_none(statement("own_wal"))
    return None if row is None or row["wal_bytes"] is None else OwnWAL(row["pid"], row["wal_bytes"])


def written_between(before: OwnWAL | None, after: OwnWAL | None) -> int | None:
    """Bytes of WAL; None where unknown: a pooler gave another process, or the counter was reset."""
    if before is None or after is None or before.pid != after.pid or after.wal_bytes < before.wal_bytes:
        return None
    return after.wal_bytes - before.wal_bytes
