"""Bringing the old roles back from the image, by row and by value, inside the transaction that is open.

A row goes back when its written columns still hold what the run wrote, whatever
else changed in it, or when nobody made a new version of it since. Any other row
was changed by somebody: a conflict, logged by key with what it holds, and left as
it is or overwritten. Where nobody touched a row since, one pass restores and
compares; else the table is looked through before and after.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from roleshift.engine.run import RunRecord
from roleshift.engine.target import TargetShape
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import turns
from roleshift.postgres.comparison import XID_BITS
from roleshift.postgres.moving import Moving
from roleshift.postgres.ranges import block_ranges, make_room
from roleshift.postgres.restore_statements import (
    blocked_statements,
    born_left_statement,
    born_statement,
    conflicts_statement,
    merged_statement,
    overwritten_statement,
    parking_of,
    range_statement,
    standing_statement,
    untouched_statement,
    verify_statement,
)
from roleshift.postgres.session import Session
from roleshift.postgres.statements import statement
from roleshift.postgres.way_back import WayBack
from roleshift.postgres.write import RowsDone, fire_deferred

_NO_XID = "0"
"""The number of no transaction."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """What is restored, and how.

    Attributes:
        moving: the mapping on the table as it is now.
        reversed_routes: new role, as stored → the only old role it can have come from.
        new_only: roles, as stored, that nobody held before the run outside the image.
        marker: end of the log of this run's rollbacks when this one began.
    """

    run: RunRecord
    moving: Moving
    way: WayBack
    reversed_routes: Mapping[str, str]
    new_only: tuple[str, ...]
    marker: int = 0

    @property
    def shape(self) -> TargetShape:
        """The target as it is now."""
        return self.way.shape

    @property
    def image(self) -> str:
        """The image's name."""
        return self.way.image_name

    @property
    def params(self) -> dict[str, Any]:
        """Time and number of the transaction that wrote, and where this rollback's log begins."""
        write = self.run.write
        assert write is not None
        return {
            "written_at": write.written_at,
            "xid": str(write.xid & XID_BITS) if self.way.table.is_same_table else _NO_XID,
            "run_id": self.run.run_id,
            "marker": self.marker,
        }


@dataclass(frozen=True, slots=True)
class Conflicts:
    """Rows that somebody changed since, or whose place is taken: left as they are, or overwritten."""

    left_as_is: int = 0
    overwritten: int = 0


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore came to. Rows.

    Attributes:
        deleted_since: rows of the image that others deleted.
        born_left: born since with a new role, and no single old role that they could have had.
    """

    rows: int
    conflicts: Conflicts = Conflicts()
    deleted_since: int = 0
    born_left: int = 0

    @property
    def remaining(self) -> int:
        """Rows that were left as they are although they may hold a new role."""
        return self.conflicts.left_as_is + self.born_left


async def begin(session: Session, what: Restoration) -> Restoration:
    """What is restored, with the end of the log as it is now."""
    await make_room(session)
    row = await session.row(statement("restore_marker"), {"run_id": what.run.run_id})
    return replace(what, marker=row["marker"])


async def is_untouched(session: Session, what: Restoration, rows: int) -> bool:
    """Whether every row is as the run wrote it and nobody was born since who may hold a role of it.

    Args:
        rows: of the image.
    """
    table, shape = what.way.table, what.shape
    if not table.is_as_planned or table.meddlers or shape.role_in_key or shape.ordered or shape.constraints:
        return False
    roles = list(dict.fromkeys((*what.reversed_routes, *what.new_only)))
    row = await session.row(standing_statement(what.way), {**what.params, "roles": roles})
    return bool(row["left_by_run"] == rows and not row["others"])


async def restore_untouched(session: Session, what: Restoration, rows: int, rows_done: RowsDone) -> Restored:
    """Restore every row and compare what was stored, in one pass.

    Raises:
        DatabaseError: RowsSwallowed; not every row was restored.
    """
    query, done = untouched_statement(what.way), 0
    for part in await block_ranges(session, what.image):
        row = await session.row(query, {**what.params, **part.params()})
        done += row["fitting"]
        rows_done(done)
    must_fit(what, rows - done)
    return Restored(done)


async def log_conflicts(session: Session, what: Restoration) -> Conflicts:
    """Log the rows that somebody changed since, and count them. Comes before the restore."""
    logged = (await session.execute(conflicts_statement(what.way), what.params)).rowcount
    more = -1 if what.shape.constraints else 0
    while more:
        more = 0
        for query in blocked_statements(what.way):
            more += (await session.execute(query, what.params)).rowcount
        logged += more
    if not what.way.overwrites:
        return Conflicts(logged)
    return Conflicts(logged, (await session.execute(overwritten_statement(what.way), what.params)).rowcount)


async def restore_touched(
    session: Session, what: Restoration, conflicts: Conflicts, rows_done: RowsDone
) -> Restored:
    """Restore every row that is to go back and compare the table with the image; then those born since.

    These come last: one may move to where a row of the image was that somebody deleted.

    Raises:
        DatabaseError: RowsSwallowed; rows are not as they have to be.
    """
    restored = await _restore_rows(session, what, rows_done)
    await fire_deferred(session)
    row = await session.row(verify_statement(what.way), what.params)
    must_fit(what, row["not_restored"] - conflicts.left_as_is)
    born = await _restore_born(session, what)
    await fire_deferred(session)
    left = await session.row(born_left_statement(what.moving, what.way), {"new_only": list(what.new_only)})
    return Restored(restored + born, conflicts, row["deleted_since"], left["rows"])


def must_fit(what: Restoration, rows: int) -> None:
    """See that no row is otherwise than in the image after the restore.

    Args:
        rows: how many are.

    Raises:
        DatabaseError: RowsSwallowed.
    """
    if not rows:
        return
    meddlers = ", ".join(what.way.table.meddlers) or "none is there"
    raise DatabaseError(
        Reason.ROWS_SWALLOWED,
        f"{rows} rows are not as in the image after the restore; the transaction was rolled back: look for "
        f"triggers and rules that change or swallow updates ({meddlers})",
    )


async def _restore_rows(session: Session, what: Restoration, rows_done: RowsDone) -> int:
    shape, name = what.shape, what.image
    parking = parking_of(what.way)
    await parking.take_out(session, what.params)
    query, done = range_statement(what.way), 0
    for turn in reversed(await turns.turns_of(session, shape, name)):
        for part in await block_ranges(session, name):
            cursor = await session.execute(query, {**what.params, **part.params(), "turn": turn})
            done += cursor.rowcount
            rows_done(done)
    done += await parking.put_back(session, what.params)
    if shape.merges:
        done += (await session.execute(merged_statement(what.way), what.params)).rowcount
    return done


async def _restore_born(session: Session, what: Restoration) -> int:
    """Give rows that were born since the old role that their new one can only have come from."""
    routes = what.reversed_routes
    if not routes:
        return 0
    cursor = await session.execute(
        born_statement(what.moving, what.way),
        {"new_roles": list(routes.keys()), "old_roles": list(routes.values())},
    )
    return cursor.rowcount
