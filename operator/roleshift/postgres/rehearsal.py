"""What only a rehearsal asks of the server: its lock, whole rows before and after, WAL, and constraints."""

from psycopg import sql

from roleshift.engine.plan import AddColumn, Plan
from roleshift.engine.rehearsal import RowSet
from roleshift.engine.target import TargetShape
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import ledger_schema, write
from roleshift.postgres.schema_changes import SCHEMA_TIMEOUTS
from roleshift.postgres.session import Session
from roleshift.postgres.statements import comma, identifier, statement, target_name


async def lock(session: Session, plan: Plan) -> None:
    """Take the strongest lock of the run at once, and with it everything that is measured later.

    A column that is added needs ACCESS EXCLUSIVE; waiting for that ends as soon as it would in a run.

    Raises:
        DatabaseError: LockTimeout; retryable.
    """
    if not any(isinstance(change, AddColumn) for change in plan.schema_changes):
        await write.lock(session, plan.shape)
        return
    async with session.transaction(SCHEMA_TIMEOUTS):
        await session.execute(statement("rehearsal_lock").format(target=target_name(plan.shape)))


async def ledger_for_now(session: Session) -> None:
    """A ledger for the time of the transaction, where there is none.

    Raises:
        DatabaseError: LedgerTooNew; or an older one is there, which is not upgraded for a rehearsal, because
            runs would wait for that.
    """
    found = await ledger_schema.installed_version(session)
    if found is not None and found < ledger_schema.VERSION:
        raise DatabaseError(
            Reason.CHECKS_FAILED,
            f"the ledger has version {found}, and a rehearsal does not upgrade it to "
            f"{ledger_schema.VERSION}: do that with roleshift sql | psql, or rehearse on a clone (--clone)",
        )
    await ledger_schema.ensure(session)


async def columns(session: Session, shape: TargetShape) -> list[str]:
    """The columns that the table has now."""
    row = await session.row(statement("rehearsal_columns"), {"oid": shape.oid})
    return list(row["names"])


async def row_set(session: Session, shape: TargetShape, names: list[str]) -> RowSet:
    """Rows of the table, and a hash over these columns of all of them."""
    query = statement("rehearsal_rows").format(
        columns=comma([identifier("t", name) for name in names]), target=target_name(shape)
    )
    row = await session.row(query)
    return RowSet(row["rows"], row["checksum"])


async def wal_position(session: Session) -> int | None:
    """Bytes of WAL that the server has written since its beginning; None where it does not tell."""
    try:
        async with session.savepoint():
            return int((await session.row(statement("rehearsal_wal")))["bytes"])
    except DatabaseError:
        if not session.is_usable:
            raise
        return None


async def defer_again(session: Session) -> None:
    """Let constraints wait for the end again that `write.fire_deferred` had checked at once.

    A restore begins a transaction of its own in a run, where they are deferred.
    """
    rows = await session.rows(statement("rehearsal_deferred"))
    if rows:
        names = comma([identifier(row["schema"], row["name"]) for row in rows])
        await session.execute(sql.SQL("SET CONSTRAINTS {} DEFERRED").format(names))
