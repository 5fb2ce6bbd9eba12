"""A scratch table in a schema of its own, for a test of the real phases, and the removal of every trace."""

from dataclasses import dataclass

from psycopg import sql

from roleshift.engine.naming import image_name
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import ledger_schema
from roleshift.postgres.functions import FUNCTIONS
from roleshift.postgres.session import Session, Timeouts
from roleshift.postgres.statements import LEDGER_SCHEMA, identifier, image_table

TABLE = "users"
ROLES = ("old_junior", "old_senior", "old_manager", "stays")
_TIMEOUTS = Timeouts(lock_seconds=10.0, statement_seconds=60.0)
_CREATE = sql.SQL(
    "CREATE SCHEMA {schema};"
    " CREATE TABLE {table} (id bigint PRIMARY KEY, role text NOT NULL, previous_role text,"
    " seniority_level text, role_migrated_at timestamptz)"
)
_FILL = sql.SQL(
    "INSERT INTO {table} (id, role)"
    " SELECT n, (%(roles)s::text[])[1 + n %% cardinality(%(roles)s::text[])]"
    " FROM generate_series(1, %(rows)s) AS n"
)
_HASH = sql.SQL("SELECT md5(string_agg(md5(t::text), '' ORDER BY t.id)) AS hash FROM {table} AS t")
_SCHEMA_PRESENT = sql.SQL("SELECT to_regnamespace('roleshift') IS NOT NULL AS present")
_MAY_FORGET = sql.SQL("SELECT has_table_privilege('roleshift.migration_run', 'DELETE') AS allowed")
_VALIDATE = sql.SQL("SELECT name, result, message FROM roleshift.validate_run(%(run_id)s)")
_FORGET = sql.SQL("DELETE FROM roleshift.migration_run WHERE run_id = %(run_id)s")
_UNUSED = sql.SQL("SELECT NOT EXISTS (SELECT FROM roleshift.migration_run) AS unused")
_EMPTY = sql.SQL(
    "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace('roleshift'))"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace = to_regnamespace('roleshift'))"
    " AS empty"
)


@dataclass(frozen=True, slots=True)
class Before:
    """What was there before the test, and stays.

    Attributes:
        schema, ledger: whether the schema roleshift, and a ledger in it, was there.
    """

    schema: bool
    ledger: bool


@dataclass(frozen=True, slots=True)
class Scratch:
    """One scratch table and the run that works on it."""

    schema: str
    run_id: str

    @property
    def table(self) -> sql.SQL:
        """The table, qualified and quoted."""
        return identifier(self.schema, TABLE)


async def look_before(session: Session) -> Before:
    """What is there; nothing is written yet.

    Raises:
        DatabaseError: a ledger of another version, or one whose rows the role may not remove again.
    """
    version = await ledger_schema.installed_version(session)
    if version is None:
        return Before((await session.row(_SCHEMA_PRESENT))["present"], ledger=False)
    if version > ledger_schema.VERSION:
        raise DatabaseError(Reason.LEDGER_TOO_NEW, ledger_schema.too_new(version))
    if version < ledger_schema.VERSION:
        raise DatabaseError(
            Reason.CHECKS_FAILED,
            f"the ledger has version {version}, and a test that leaves nothing behind does not upgrade it to "
            f"{ledger_schema.VERSION}: do that with roleshift sql | psql, then test again",
        )
    if not (await session.row(_MAY_FORGET))["allowed"]:
        raise DatabaseError(
            Reason.PERMISSION_DENIED,
            "the role may not remove its own rows of the ledger again: test as the ledger's owner",
        )
    return Before(schema=True, ledger=True)


async def create(session: Session, scratch: Scratch, rows: int) -> None:
    """The scratch table with rows of every role."""
    async with session.transaction(_TIMEOUTS):
        await session.execute(_CREATE.format(schema=identifier(scratch.schema), table=scratch.table))
        await session.execute(_FILL.format(table=scratch.table), {"roles": list(ROLES), "rows": rows})


async def row_hash(session: Session, scratch: Scratch) -> str:
    """MD5 over every row, in the order of the key."""
    return str((await session.row(_HASH.format(table=scratch.table)))["hash"])


async def validate(session: Session, scratch: Scratch) -> list[tuple[str, str, str]]:
    """Name, result and message of each thing that the ledger's own function looks at."""
    rows = await session.rows(_VALIDATE, {"run_id": scratch.run_id})
    return [(row["name"], row["result"], row["message"]) for row in rows]


async def remove(session: Session, scratch: Scratch, before: Before) -> None:
    """Everything that the test made; a ledger that somebody uses by now stays."""
    async with session.transaction(_TIMEOUTS):
        await ledger_schema.lock(session)
        await session.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(identifier(scratch.schema)))
        if await ledger_schema.installed_version(session) is not None:
            await _forget_run(session, scratch)
            if not before.ledger:
                await _remove_ledger(session)
        if not before.schema and (await session.row(_EMPTY))["empty"]:
            await session.execute(sql.SQL("DROP SCHEMA IF EXISTS {}").format(identifier(LEDGER_SCHEMA)))


async def _forget_run(session: Session, scratch: Scratch) -> None:
    image = image_table(image_name(TABLE, scratch.run_id))
    await session.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(image))
    await session.execute(_FORGET, {"run_id": scratch.run_id})


async def _remove_ledger(session: Session) -> None:
    runs = identifier(LEDGER_SCHEMA, "migration_run")
    await session.execute(sql.SQL("LOCK TABLE {}").format(runs))
    if not (await session.row(_UNUSED))["unused"]:
        return
    for function in FUNCTIONS:
        name = identifier(LEDGER_SCHEMA, function.name)
        await session.execute(sql.SQL("DROP FUNCTION {} ({})").format(name, sql.SQL(function.types)))
    tables = sql.SQL(", ").join(identifier(LEDGER_SCHEMA, name) for name in ledger_schema.TABLES)
    await session.execute(sql.SQL("DROP TABLE {}").format(tables))
