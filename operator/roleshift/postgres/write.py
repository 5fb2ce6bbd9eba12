"""Writing the new roles: the lock on the target, and ranges of rows inside one transaction."""

from collections.abc import Callable
from datetime import datetime

from psycopg import sql

from roleshift.engine.run import WriteRecord
from roleshift.engine.target import TargetShape
from roleshift.postgres import turns, values
from roleshift.postgres.ranges import block_ranges, make_room
from roleshift.postgres.session import Session
from roleshift.postgres.statements import image_table, key_join, statement, target_name

RowsDone = Callable[[int], None]
"""Told after each range how many rows were written so far."""


def lock_statement(shape: TargetShape) -> sql.Composed:
    """LOCK TABLE for the write and for the restore."""
    return statement("lock_target").format(target=target_name(shape))


def write_statement(shape: TargetShape, image: str) -> sql.Composed:
    """The UPDATE of one range."""
    return statement("write_range").format(
        target=target_name(shape),
        assignments=values.assignments(shape),
        image=image_table(image),
        join=key_join(shape),
        its_turn=turns.its_turn(shape),
    )


async def lock(session: Session, shape: TargetShape) -> None:
    """Keep other writers out until the transaction ends.

    Raises:
        DatabaseError: LockTimeout; retryable.
    """
    await session.execute(lock_statement(shape))


async def named_oid(session: Session, shape: TargetShape) -> int | None:
    """OID of the table that has the target's name now, which may have passed to another since the plan."""
    found = await session.row_or_none(statement("target_oid"), {"schema": shape.schema, "table": shape.table})
    return None if found is None else int(found["oid"])


async def vacuum(session: Session, shape: TargetShape) -> None:
    """Clear away what a write has left, outside any transaction.

    Raises:
        DatabaseError: it took longer than the session allows, for instance; what was done stays.
    """
    await session.execute(statement("vacuum").format(target=target_name(shape)))


async def fire_deferred(session: Session) -> None:
    """Have deferred triggers and constraints act now, so that a verification sees what they do.

    Raises:
        DatabaseError: ConstraintViolated, as the COMMIT would have raised it.
    """
    await session.execute(sql.SQL("SET CONSTRAINTS ALL IMMEDIATE"))


async def transaction_stamp(session: Session) -> tuple[int, datetime]:
    """Number (64 bits) and start of the transaction that is open; gives it a number."""
    row = await session.row(statement("current_transaction"))
    return row["xid"], row["started"]


async def write_rows(session: Session, shape: TargetShape, image: str, rows_done: RowsDone) -> WriteRecord:
    """Write every row of the image, range by range, in the transaction that is open.

    Returns:
        What was written; `rows` counts the rows that PostgreSQL says it updated, removed or put back,
        which a trigger can make fewer than the image has.
    """
    await make_room(session)
    xid, started = await transaction_stamp(session)
    params = {"written_at": started}
    parking = turns.Parking.for_write(shape, image)
    done = await turns.remove_merged(session, shape, image)
    await parking.take_out(session, params)
    query = write_statement(shape, image)
    for turn in await turns.turns_of(session, shape, image):
        for part in await block_ranges(session, image):
            cursor = await session.execute(query, {**params, **part.params(), "turn": turn})
            done += cursor.rowcount
            rows_done(done)
    return WriteRecord(xid, started, done + await parking.put_back(session, params))
