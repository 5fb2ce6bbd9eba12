"""A database with a plain owner, as an application has one: what a test, the demo or a benchmark migrates."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg
from psycopg import sql

from localenv.postgres import PostgresServer

# The text of a row depends on these; the hash must not depend on who asks.
_SETTLED = "-c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=postgres -c bytea_output=hex"


@dataclass(frozen=True)
class Database:
    """One database on one server, with an owner who has a password and no special rights."""

    server: PostgresServer
    name: str
    owner: str
    password: str = field(repr=False)

    @classmethod
    def create(cls, server: PostgresServer, name: str | None = None) -> Self:
        """Create an empty database with an owner of its own; without `name` it gets an unused one."""
        name = name or f"test_{secrets.token_hex(4)}"
        created = cls(server, name, f"{name}_owner", secrets.token_urlsafe(12))
        server.create_role(created.owner, created.password)
        server.create_database(name, owner=created.owner)
        return created

    def copy(self) -> Self:
        """A new database with the same content and the same owner; nobody may be connected to this one."""
        name = f"copy_{secrets.token_hex(4)}"
        self.server.create_database(name, template=self.name, owner=self.owner)
        return type(self)(self.server, name, self.owner, self.password)

    def drop(self) -> None:
        """Drop the database, and its owner once no other database is the owner's."""
        self.server.drop_database(self.name)
        with self.server.connect() as connection:
            owned = connection.execute(_OWNED_DATABASES, [self.owner])
            if owned.fetchone() is None:
                self.server.drop_role(self.owner)

    @property
    def uri(self) -> str:
        """The owner's URI: TCP with the password, without TLS."""
        return self.server.uri(self.name, self.owner, self.password, sslmode="disable")

    @property
    def admin_uri(self) -> str:
        """The superuser's URI, through the unix socket."""
        return self.server.superuser_uri(self.name)

    def connect(self) -> psycopg.Connection[Any]:
        """The owner's session, in autocommit mode."""
        return psycopg.connect(self.uri, autocommit=True, application_name="owner")

    def admin(self) -> psycopg.Connection[Any]:
        """The superuser's session, in autocommit mode."""
        return psycopg.connect(self.admin_uri, autocommit=True, application_name="admin")

    def execute(self, statement: str | sql.Composable, parameters: Sequence[Any] | None = None) -> None:
        """Run one statement as the owner in a session of its own; without parameters also several."""
        with self.connect() as connection:
            connection.execute(_query(statement), parameters)

    def query(
        self, statement: str | sql.Composable, parameters: Sequence[Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one query as the owner in a session of its own and return all rows."""
        with self.connect() as connection:
            return connection.execute(_query(statement), parameters).fetchall()

    def row_set_hash(self, table: str, columns: Sequence[str] | None = None, schema: str = "public") -> str:
        """SHA-256 over all rows of a table, in an order that depends on nothing but the rows.

        Two tables have the same hash when they hold the same rows, however often and in whatever
        order they were written. Reads as the superuser, so that no policy hides a row.

        Args:
            table: the table's name, unquoted.
            columns: only these, in this order; None: all of them.
            schema: the table's schema, unquoted.
        """
        row = sql.SQL("t") if columns is None else _row_of(columns)
        statement = sql.SQL(_HASH).format(row=row, table=sql.Identifier(schema, table))
        with psycopg.connect(self.admin_uri, options=_SETTLED) as connection:
            found = connection.execute(statement).fetchone()
        assert found is not None
        return str(found[0])


_OWNED_DATABASES = "SELECT 1 FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE rolname = %s"

# Each row's text is hashed first: the text of millions of rows would not fit into one value.
_HASH = """
    SELECT encode(sha256(coalesce(string_agg(h, '' ORDER BY h COLLATE "C"), '')::bytea), 'hex')
    FROM (SELECT md5({row}::text) AS h FROM {table} AS t) AS hashed
"""


def _row_of(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL("ROW({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))


def _query(statement: str | sql.Composable) -> bytes | sql.Composed:
    return statement.encode() if isinstance(statement, str) else sql.Composed([statement])
