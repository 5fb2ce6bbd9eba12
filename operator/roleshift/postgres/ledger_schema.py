"""The ledger's tables and functions: which version is there, creating them, bringing an older one up.

Rows of runs are `ledger`'s business.
"""

from psycopg import sql

from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import functions
from roleshift.postgres.session import Session, Timeouts
from roleshift.postgres.statements import statement

VERSION = 5
TABLES = {
    "ledger_version": 1,
    "migration_run": 1,
    "migration_execution_log": 1,
    "migration_backup": 1,
    "migration_rollback_log": 1,
    "migration_validation_functions": 2,
}
"""Tables of the ledger, with the version that brought each."""
INSTALL_LOCK = 0x526F6C6573686966
_INSTALL_TIMEOUTS = Timeouts(lock_seconds=10.0, statement_seconds=600.0)


async def ensure(session: Session) -> None:
    """Create the ledger, bring an older one up, or find it at this version.

    Raises:
        DatabaseError: LedgerTooNew, or PermissionDenied when the role may not do it.
    """
    if await _found(session) < VERSION:
        await _bring_up(session)


async def installed_version(session: Session) -> int | None:
    """The ledger's version, None where there is no ledger."""
    if not (await session.row(statement("ledger_state")))["present"]:
        return None
    row = await session.row(statement("ledger_read_version"))
    return int(row["version"])


async def lock(session: Session) -> None:
    """Keep everybody else from creating, changing or removing a ledger until the transaction ends."""
    await session.execute(
        sql.SQL("SELECT pg_catalog.pg_advisory_xact_lock({})").format(sql.Literal(INSTALL_LOCK))
    )


async def _found(session: Session) -> int:
    version = await installed_version(session) or 0
    if version > VERSION:
        raise DatabaseError(Reason.LEDGER_TOO_NEW, too_new(version))
    return version


def too_new(version: int) -> str:
    """What to do about a ledger that a newer operator made."""
    return (
        f"the ledger in schema roleshift has version {version}, this operator knows {VERSION}; "
        "upgrade the operator"
    )


async def _bring_up(session: Session) -> None:
    """Every version that is missing, one after the other, in one transaction."""
    async with session.transaction(_INSTALL_TIMEOUTS):
        await lock(session)
        found = await _found(session)
        for version in range(found + 1, VERSION + 1):
            await session.execute(statement(f"ledger_version_{version}"))
        if found < VERSION:
            await functions.lay_down(session)
