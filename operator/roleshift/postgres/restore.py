"""Bringing the old roles back from the image, by row and by value, inside the transaction that is open.

A row goes back when its written columns still hold what the run wrote, whatever
else changed in it, or when nobody made a new version of it since. Any other row
was changed by somebody: a conflict, logged by key and left as it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from roleshift.engine.run import RunRecord
from roleshift.engine.target import TargetShape
from roleshift.postgres import values
from roleshift.postgres.comparison import XID_BITS
from roleshift.postgres.mapping_params import MappingArrays
from roleshift.postgres.ranges import block_ranges
from roleshift.postgres.session import Session
from roleshift.postgres.statements import (
    comma,
    identifier,
    image_table,
    key_join,
    of,
    statement,
    target_name,
    type_of,
)
from roleshift.postgres.write import RowsDone


@dataclass(frozen=True, slots=True)
class Restoration:
    """What is restored, and from where.

    Attributes:
        reversed_routes: new role → the only old role it can have come from.
        new_only: roles that nobody held before the run outside the image.
    """

    run: RunRecord
    shape: TargetShape
    image: str
    mapping: MappingArrays
    reversed_routes: Mapping[str, str]
    new_only: tuple[str, ...]

    @property
    def params(self) -> dict[str, Any]:
        """The mapping, and the time and number of the transaction that wrote."""
        write = self.run.write
        assert write is not None
        return {**self.mapping.params(), "written_at": write.written_at, "xid": write.xid & XID_BITS}


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


def _parts(shape: TargetShape, image: str) -> dict[str, sql.Composable]:
    """What every statement of the restore is composed of."""
    return {"target": target_name(shape), "image": image_table(image), "join": key_join(shape)}


def conflicts_statement(shape: TargetShape, image: str) -> sql.Composed:
    """Logs the rows that somebody changed since."""
    return statement("restore_conflicts").format(
        key=comma([of("t", column) for column in shape.key]),
        as_left=values.as_left_by_run(shape),
        as_before=values.all_as_before(shape),
        **_parts(shape, image),
    )


def range_statement(shape: TargetShape, image: str) -> sql.Composed:
    """Restores the rows of one range."""
    return statement("restore_range").format(
        restorations=values.restorations(shape),
        as_left=values.as_left_by_run(shape),
        **_parts(shape, image),
    )


def born_statement(shape: TargetShape, image: str) -> sql.Composed:
    """Gives rows that were born since their old role."""
    return statement("restore_born").format(
        role=identifier(shape.role.name), role_type=type_of(shape.role), **_parts(shape, image)
    )


def verify_statement(shape: TargetShape, image: str) -> sql.Composed:
    """The restored table against the image."""
    return statement("restore_verify").format(
        first_key=of("t", shape.key[0]),
        as_before=values.all_as_before(shape),
        role=identifier(shape.role.name),
        **_parts(shape, image),
    )


async def log_conflicts(session: Session, what: Restoration) -> int:
    """Log the rows that somebody changed since, and count them. Comes before the restore."""
    query = conflicts_statement(what.shape, what.image)
    cursor = await session.execute(query, {**what.params, "run_id": what.run.run_id})
    return cursor.rowcount


async def restore_rows(session: Session, what: Restoration, rows_done: RowsDone) -> int:
    """Restore every row that still is as the run wrote it; returns how many."""
    query = range_statement(what.shape, what.image)
    done = 0
    for part in await block_ranges(session, what.image):
        cursor = await session.execute(query, {**what.params, **part.params()})
        done += cursor.rowcount
        rows_done(done)
    return done


async def restore_born(session: Session, what: Restoration) -> int:
    """Give rows that were born since the old role that their new one can only have come from."""
    if not what.reversed_routes:
        return 0
    routes = what.reversed_routes
    cursor = await session.execute(
        born_statement(what.shape, what.image),
        {"new_roles": list(routes.keys()), "old_roles": list(routes.values())},
    )
    return cursor.rowcount


async def verify(session: Session, what: Restoration) -> Verified:
    """Compare the restored table with the image."""
    row = await session.row(verify_statement(what.shape, what.image), {"new_only": list(what.new_only)})
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
