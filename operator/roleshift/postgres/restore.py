"""Bringing the old roles back from the image, by row and by value, inside the transaction that is open.

A row goes back when its written columns still hold what the run wrote, whatever
else changed in it, or when nobody made a new version of it since. Any other row
was changed by somebody: a conflict, logged by key and left as it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from roleshift.engine.run import RunRecord
from roleshift.engine.target import TargetShape
from roleshift.postgres import turns
from roleshift.postgres.comparison import XID_BITS
from roleshift.postgres.moving import Moving
from roleshift.postgres.ranges import block_ranges
from roleshift.postgres.restore_statements import (
    blocked_statements,
    born_statement,
    conflicts_statement,
    merged_statement,
    parking_of,
    range_statement,
    verify_statement,
)
from roleshift.postgres.session import Session
from roleshift.postgres.statements import statement
from roleshift.postgres.write import RowsDone


@dataclass(frozen=True, slots=True)
class Restoration:
    """What is restored, and from where.

    Attributes:
        reversed_routes: new role, as stored → the only old role it can have come from.
        new_only: roles, as stored, that nobody held before the run outside the image.
        marker: end of the log of this run's rollbacks when this one began.
    """

    run: RunRecord
    moving: Moving
    image: str
    reversed_routes: Mapping[str, str]
    new_only: tuple[str, ...]
    marker: int = 0

    @property
    def shape(self) -> TargetShape:
        """The target."""
        return self.moving.shape

    @property
    def params(self) -> dict[str, Any]:
        """Time and number of the transaction that wrote, and where this rollback's log begins."""
        write = self.run.write
        assert write is not None
        return {
            "written_at": write.written_at,
            "xid": write.xid & XID_BITS,
            "run_id": self.run.run_id,
            "marker": self.marker,
        }


@dataclass(frozen=True, slots=True)
class Verified:
    """The restored table against the image. Rows.

    Attributes:
        not_restored: differ from the image; equals the conflicts when all went well.
        born_left: born since with a new role, and no single old role that they could have had.
    """

    not_restored: int
    deleted_since: int
    born_left: int


async def begin(session: Session, what: Restoration) -> Restoration:
    """What is restored, with the end of the log as it is now."""
    row = await session.row(statement("restore_marker"), {"run_id": what.run.run_id})
    return replace(what, marker=row["marker"])


async def log_conflicts(session: Session, what: Restoration) -> int:
    """Log the rows that somebody changed since, and count them. Comes before the restore."""
    shape, name = what.shape, what.image
    logged = (await session.execute(conflicts_statement(shape, name), what.params)).rowcount
    if not shape.constraints:
        return logged
    more = -1
    while more:
        more = 0
        for query in blocked_statements(shape, name):
            more += (await session.execute(query, what.params)).rowcount
        logged += more
    return logged


async def restore_rows(session: Session, what: Restoration, rows_done: RowsDone) -> int:
    """Restore every row that still is as the run wrote it; returns how many."""
    shape, name = what.shape, what.image
    parking = parking_of(shape, name)
    await parking.take_out(session, what.params)
    query, done = range_statement(shape, name), 0
    for turn in reversed(await turns.turns_of(session, shape, name)):
        for part in await block_ranges(session, name):
            cursor = await session.execute(query, {**what.params, **part.params(), "turn": turn})
            done += cursor.rowcount
            rows_done(done)
    done += await parking.put_back(session, what.params)
    if shape.merges:
        done += (await session.execute(merged_statement(shape, name), what.params)).rowcount
    return done


async def restore_born(session: Session, what: Restoration) -> int:
    """Give rows that were born since the old role that their new one can only have come from."""
    if not what.reversed_routes:
        return 0
    routes = what.reversed_routes
    cursor = await session.execute(
        born_statement(what.moving, what.image),
        {"new_roles": list(routes.keys()), "old_roles": list(routes.values())},
    )
    return cursor.rowcount


async def verify(session: Session, what: Restoration) -> Verified:
    """Compare the restored table with the image."""
    query = verify_statement(what.moving, what.image)
    row = await session.row(query, {**what.params, "new_only": list(what.new_only)})
    return Verified(row["not_restored"], row["deleted_since"], row["born_left"])


@dataclass(frozen=True, slots=True)
class RollbackLine:
    """A line of the rollback log."""

    kind: str
    message: str
    requested_by: str = ""
    rows_restored: int | None = None
    conflicts: int | None = None
    remaining: int | None = None


async def log_rollback(session: Session, run: RunRecord, line: RollbackLine) -> None:
    """Append a line to the rollback log."""
    await session.execute(
        statement("rollback_log"),
        {
            "run_id": run.run_id,
            "kind": line.kind,
            "message": line.message,
            "requested_by": line.requested_by,
            "rows_restored": line.rows_restored,
            "conflicts": line.conflicts,
            "remaining": line.remaining,
        },
    )


async def conflict_examples(session: Session, run: RunRecord) -> tuple[str, ...]:
    """Keys of at most five conflicts, as JSON."""
    rows = await session.rows(statement("rollback_examples"), {"run_id": run.run_id})
    return tuple(json.dumps(row["row_key"]) for row in rows)


@dataclass(frozen=True, slots=True)
class RestoredFigures:
    """What the last rollback of a run came to. Rows."""

    rows_restored: int
    conflicts: int
    remaining: int


async def last_result(session: Session, run: RunRecord) -> RestoredFigures:
    """The result line of a rollback that committed."""
    row = await session.row(statement("rollback_result"), {"run_id": run.run_id})
    return RestoredFigures(**row)
