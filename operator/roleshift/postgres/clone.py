"""A clone of a database on the same server: made, brought to rest, dropped. Programs fill it."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.target import TargetShape
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres.connect import Purpose, session
from roleshift.postgres.connection_string import given_options
from roleshift.postgres.session import Session
from roleshift.postgres.statements import identifier, literal, statement, target_name

PREFIX = "roleshift_rehearsal_"
"""Names of clones begin with it, so that one is found whose maker was killed."""
MAINTENANCE = "postgres"
"""Where a session stands while the origin is copied, which nobody may be connected to then."""
_WITHOUT_LIMIT = sql.SQL("SET statement_timeout = 0")
_COMMENT = "made by roleshift rehearse --clone, which drops it at its end; nobody needs it afterwards"
_NO_ACTIVE_RUN = sql.SQL("UPDATE roleshift.migration_run SET active = false WHERE active")
_LEDGER = sql.SQL("SELECT to_regclass('roleshift.migration_run') IS NOT NULL AS present")
_OBJECT_IN_USE = "55006"
_PROVIDERS = {"c": sql.SQL("libc"), "i": sql.SQL("icu"), "b": sql.SQL("builtin")}
_LOCALE_WORDS = {"i": sql.SQL("ICU_LOCALE"), "b": sql.SQL("BUILTIN_LOCALE")}
_PROVIDERS_SINCE = 150000


@dataclass(frozen=True, slots=True)
class Origin:
    """The database that is cloned, and the role that does it.

    Attributes:
        version: `server_version_num`.
        may_create: whether the role may create a database.
        may_copy: whether it may use this one as a template.
        encoding: by its name.
        properties: the row of pg_database; its columns differ between versions.
        others: sessions beside those of the one who asks.
    """

    name: str
    role: str
    version: int
    superuser: bool
    may_create: bool
    may_copy: bool
    encoding: str
    properties: dict[str, Any]
    others: int


async def origin_of(opened: Session) -> Origin:
    """What has to be known before the database that the session is on is cloned.

    Raises:
        DatabaseError: PermissionDenied; the role may not create a database.
    """
    found = Origin(**await opened.row(statement("clone_origin")))
    if not found.may_create:
        role = sql.Identifier(found.role).as_string()
        raise DatabaseError(
            Reason.PERMISSION_DENIED,
            f"a clone is a new database, and role {role} may not create one: run ALTER ROLE {role} CREATEDB, "
            "name another role, or rehearse without --clone",
        )
    return found


def new_name() -> str:
    """A name that no database has yet."""
    return f"{PREFIX}{secrets.token_hex(6)}"


def elsewhere(parameters: ConnectionParameters, database: str) -> ConnectionParameters:
    """The same server and role, another database.

    Raises:
        ClusterError: the parameters are no connection string.
    """
    parts = {**given_options(parameters), "dbname": database}
    return replace(parameters, uri="", parts=parts)


async def create_empty(opened: Session, origin: Origin, name: str) -> None:
    """An empty database that sorts and encodes as the origin does."""
    await opened.execute(_WITHOUT_LIMIT)
    await opened.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}{}").format(
            identifier(name),
            literal(origin.encoding),
            literal(origin.properties["datcollate"]),
            literal(origin.properties["datctype"]),
            _provider(origin),
        )
    )
    await _comment(opened, name)


def _provider(origin: Origin) -> sql.Composable:
    if origin.version < _PROVIDERS_SINCE:
        return sql.SQL("")
    kind = origin.properties["datlocprovider"]
    words: list[sql.Composable] = [sql.SQL(" LOCALE_PROVIDER"), _PROVIDERS[kind]]
    if kind in _LOCALE_WORDS:
        locale = origin.properties.get("datlocale") or origin.properties.get("daticulocale")
        words += [_LOCALE_WORDS[kind], literal(str(locale))]
    return sql.SQL(" ").join(words)


async def create_by_template(opened: Session, origin: Origin, name: str) -> bool:
    """A copy of the origin's files; False where somebody is connected to it by now.

    While it is copied nobody can connect to the origin.

    Args:
        opened: a session on another database than the origin.
    """
    await opened.execute(_WITHOUT_LIMIT)
    try:
        await opened.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(identifier(name), identifier(origin.name))
        )
    except DatabaseError as error:
        if error.sqlstate != _OBJECT_IN_USE:
            raise
        return False
    await _comment(opened, name)
    return True


async def _comment(opened: Session, name: str) -> None:
    await opened.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(identifier(name), literal(_COMMENT)))


async def settle(opened: Session) -> None:
    """Runs that are active in the origin are no rivals in its clone."""
    if (await opened.row(_LEDGER))["present"]:
        await opened.execute(_NO_ACTIVE_RUN)


async def analyze(opened: Session, shape: TargetShape) -> None:
    """Give the planner figures of the target; a dump carries none, or old ones."""
    await opened.execute(_WITHOUT_LIMIT)
    await opened.execute(sql.SQL("ANALYZE {}").format(target_name(shape)))


async def drop(opened: Session, name: str) -> None:
    """Drop a clone, whoever is connected to it; one that is not there is as good."""
    await opened.execute(_WITHOUT_LIMIT)
    await opened.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier(name)))


@asynccontextmanager
async def standing_aside(parameters: ConnectionParameters, purpose: Purpose) -> AsyncIterator[Session]:
    """A session on the server that is not on the origin. Raises as `session` does."""
    async with session(elsewhere(parameters, MAINTENANCE), purpose) as opened:
        yield opened
