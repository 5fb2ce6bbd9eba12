"""One session with the server: settings, timeouts, transactions. Errors leave it in Roleshift's words."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor, Rollback, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow

from roleshift.postgres.errors import read_only, translated

IDLE_IN_TRANSACTION_SECONDS = 10

Query = sql.SQL | sql.Composed
Params = Mapping[str, Any] | Sequence[Any] | None


class Isolation(StrEnum):
    """Isolation levels that runs use."""

    READ_COMMITTED = "READ COMMITTED"
    REPEATABLE_READ = "REPEATABLE READ"


class Access(StrEnum):
    """Whether a transaction may write."""

    READ_WRITE = "READ WRITE"
    READ_ONLY = "READ ONLY"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one transaction, in seconds."""

    lock_seconds: float = 5.0
    statement_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Backend:
    """A server process: pid and start, so that a pid that was given again is not mistaken for it."""

    pid: int
    started_at: str


@dataclass(frozen=True, slots=True)
class UserAnswer:
    """What somebody else's query returned: how many columns, and the rows."""

    columns: int
    rows: list[DictRow]


class Session:
    """A connection with Roleshift's settings; autocommit outside `transaction`."""

    def __init__(
        self, connection: AsyncConnection[DictRow], backend: Backend, timeouts: Timeouts | None = None
    ) -> None:
        self._connection = connection
        self._timeouts = timeouts or Timeouts()
        self.backend = backend

    @property
    def timeouts(self) -> Timeouts:
        """The limits of the transaction that is open."""
        return self._timeouts

    @property
    def reached(self) -> Mapping[str, str]:
        """libpq's keywords of the connection as it was made, without the password."""
        return self._connection.info.get_parameters()

    @property
    def password(self) -> str:
        """The password that the server took, or ""; for programs that connect as this session did."""
        return self._connection.info.password

    @property
    def is_usable(self) -> bool:
        """Whether the connection is open and outside a failed transaction."""
        status = self._connection.info.transaction_status
        return not self._connection.closed and status is not TransactionStatus.UNKNOWN

    async def execute(self, query: Query, params: Params = None) -> AsyncCursor[DictRow]:
        """Run one statement.

        Raises:
            DatabaseError: as `postgres.errors.classify` says.
        """
        with translated(self._timeouts.statement_seconds):
            return await self._connection.execute(query, {} if params is None else params)

    async def rows(self, query: Query, params: Params = None) -> list[DictRow]:
        """Run one statement and return every row; for results that are small by their nature."""
        cursor = await self.execute(query, params)
        with translated():
            return await cursor.fetchall()

    async def row(self, query: Query, params: Params = None) -> DictRow:
        """Run one statement that returns exactly one row."""
        (row,) = await self.rows(query, params)
        return row

    async def row_or_none(self, query: Query, params: Params = None) -> DictRow | None:
        """Run one statement that returns at most one row."""
        rows = await self.rows(query, params)
        return rows[0] if rows else None

    async def copy_out(self, query: Query, take: Callable[[bytes], object]) -> int:
        """Run COPY … TO STDOUT and hand over what comes, piece by piece; returns the rows.

        Raises:
            DatabaseError: as `postgres.errors.classify` says.
        """
        with translated(self._timeouts.statement_seconds):
            async with self._connection.cursor() as cursor:
                async with cursor.copy(query, {}) as copy:
                    async for piece in copy:
                        take(bytes(piece))
                return cursor.rowcount

    async def copy_in(self, query: Query, pieces: Iterable[bytes]) -> int:
        """Run COPY … FROM STDIN with what is given, piece by piece; returns the rows.

        Raises:
            DatabaseError: as `postgres.errors.classify` says.
        """
        with translated(self._timeouts.statement_seconds):
            async with self._connection.cursor() as cursor:
                async with cursor.copy(query, {}) as copy:
                    for piece in pieces:
                        await copy.write(piece)
                return cursor.rowcount

    async def attempt(self, query: Query, params: Params, statement_seconds: float) -> list[DictRow]:
        """Run one statement of an open transaction, which survives its failure, in one round trip.

        Args:
            statement_seconds: limit of this statement and of those that follow in the transaction.

        Raises:
            DatabaseError: as `postgres.errors.classify` says.
        """
        with translated(statement_seconds):
            try:
                async with self._connection.pipeline():
                    # psycopg would take what the server skips after a failure for prepared.
                    await self._connection.execute(_statement_timeout(statement_seconds), prepare=False)
                    await self._connection.execute("SAVEPOINT attempt", prepare=False)
                    cursor = await self._connection.execute(
                        query, {} if params is None else params, prepare=False
                    )
                    await self._connection.execute("RELEASE SAVEPOINT attempt", prepare=False)
            except psycopg.Error:
                if self._connection.info.transaction_status is TransactionStatus.INERROR:
                    await self._connection.execute("ROLLBACK TO SAVEPOINT attempt")
                raise
            return await cursor.fetchall()

    async def give_up_on_locks_after(self, seconds: float) -> None:
        """Change the lock timeout of the transaction that is open."""
        query = sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(int(seconds * 1000)))
        await self.execute(query)

    @asynccontextmanager
    async def transaction(
        self,
        timeouts: Timeouts,
        isolation: Isolation = Isolation.READ_COMMITTED,
        access: Access = Access.READ_WRITE,
    ) -> AsyncIterator[None]:
        """A transaction that commits at the end of the block and rolls back when it raises.

        Timeouts are set with SET LOCAL, so that a pooler can't carry them elsewhere.
        """
        before, self._timeouts = self._timeouts, timeouts
        try:
            with translated(timeouts.statement_seconds):
                async with self._connection.transaction():
                    await self._set_up(timeouts, isolation, access)
                    yield
        finally:
            self._timeouts = before

    async def _set_up(self, timeouts: Timeouts, isolation: Isolation, access: Access) -> None:
        try:
            await self._connection.execute(_settings(timeouts, isolation, access))
        except psycopg.errors.FeatureNotSupported as error:
            # A standby refuses READ WRITE, and has nothing against the rest.
            raise read_only(error) from error

    @asynccontextmanager
    async def rolled_back(self, timeouts: Timeouts) -> AsyncIterator[None]:
        """A transaction of which nothing stays."""
        async with self.transaction(timeouts):
            yield
            raise Rollback

    @asynccontextmanager
    async def rehearsal(self, timeouts: Timeouts) -> AsyncIterator["Session"]:
        """A transaction of which nothing stays, and a session to work with in it.

        What that session is asked to do in a transaction of its own becomes a part of this one.
        """
        async with self.rolled_back(timeouts):
            yield _InsideSession(self._connection, self.backend, timeouts)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part of a transaction that can fail alone."""
        with translated(self._timeouts.statement_seconds):
            async with self._connection.transaction():
                yield

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[None]:
        """A part of a transaction of which nothing stays, its settings included."""
        async with self.savepoint():
            yield
            raise Rollback

    async def run_user_query(self, query: str, timeout_seconds: float) -> UserAnswer:
        """Run somebody else's query by the extended protocol, which takes one statement only.

        Call it inside `trial`: the settings that keep it in bounds last until the end of that.
        """
        with translated(timeout_seconds):
            await self._connection.execute(_reading(timeout_seconds))
            async with self._connection.cursor() as cursor:
                await cursor.execute(query, None, prepare=True)
                return UserAnswer(len(cursor.description or ()), await cursor.fetchall())

    async def close(self) -> None:
        """Close the connection; what was not committed is rolled back by the server."""
        await self._connection.close()


class _InsideSession(Session):
    """A session whose transactions are parts of one that is open already.

    They are no savepoints: rows would carry the number of a subtransaction, and what a write left is
    found by the number of the transaction. So a part that fails ends the whole. Isolation and access are
    those of the whole; limits are set for each part, and those of the whole hold again after it.
    """

    @asynccontextmanager
    async def transaction(
        self,
        timeouts: Timeouts,
        isolation: Isolation = Isolation.READ_COMMITTED,  # noqa: ARG002
        access: Access = Access.READ_WRITE,  # noqa: ARG002
    ) -> AsyncIterator[None]:
        """A part of the open transaction, with limits of its own."""
        before, self._timeouts = self._timeouts, timeouts
        try:
            with translated(timeouts.statement_seconds):
                await self._connection.execute(_limits(timeouts))
                yield
                await self._connection.execute(_limits(before))
        finally:
            self._timeouts = before


_CHARACTERISTICS = sql.SQL("SET TRANSACTION ISOLATION LEVEL {isolation} {access}; {limits}")
_LIMITS = sql.SQL(
    "SET LOCAL lock_timeout = {lock};"
    " SET LOCAL statement_timeout = {statement};"
    " SET LOCAL idle_in_transaction_session_timeout = {idle}"
)
_ISOLATION = {
    Isolation.READ_COMMITTED: sql.SQL("READ COMMITTED"),
    Isolation.REPEATABLE_READ: sql.SQL("REPEATABLE READ"),
}
_ACCESS = {Access.READ_WRITE: sql.SQL("READ WRITE"), Access.READ_ONLY: sql.SQL("READ ONLY")}


def _settings(timeouts: Timeouts, isolation: Isolation, access: Access) -> sql.Composed:
    return _CHARACTERISTICS.format(
        isolation=_ISOLATION[isolation], access=_ACCESS[access], limits=_limits(timeouts)
    )


def _limits(timeouts: Timeouts) -> sql.Composed:
    return _LIMITS.format(
        lock=sql.Literal(int(timeouts.lock_seconds * 1000)),
        statement=sql.Literal(int(timeouts.statement_seconds * 1000)),
        idle=sql.Literal(IDLE_IN_TRANSACTION_SECONDS * 1000),
    )


def _statement_timeout(seconds: float) -> sql.Composed:
    return sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(int(seconds * 1000)))


def _reading(timeout_seconds: float) -> sql.Composed:
    return sql.SQL("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {}").format(
        sql.Literal(int(timeout_seconds * 1000))
    )
