"""Other sessions at work beside a run: transactions that stay open, and their age."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from localenv.database import Database
from localenv.wait import wait_until

_OLD = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    " AND clock_timestamp() - xact_start > make_interval(secs => %s)"
)


@contextmanager
def holding(connection: psycopg.Connection[Any], statement: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction that has run a statement and stays open for the block."""
    with connection, connection.transaction(force_rollback=True):
        connection.execute(statement.encode())
        yield connection


def wait_until_older_than(database: Database, seconds: float) -> None:
    """Wait until another session's transaction on the database is older than that."""

    def is_old() -> bool:
        with database.admin() as admin:
            found = admin.execute(_OLD, [database.name, seconds]).fetchone()
        return found is not None and bool(found[0])

    wait_until(is_old, 10, f"a transaction is older than {seconds} s")


@contextmanager
def prepared(database: Database, statement: str, name: str = "left behind") -> Iterator[None]:
    """A prepared transaction of the owner's for the block."""
    with database.connect() as session:
        session.execute("BEGIN")
        session.execute(statement.encode())
        session.execute(f"PREPARE TRANSACTION '{name}'".encode())
    try:
        yield
    finally:
        database.execute(f"ROLLBACK PREPARED '{name}'")


def wait_until_prepared_for(database: Database, seconds: float) -> None:
    """Wait until a prepared transaction of the database is older than that."""
    age = (
        "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
        " AND clock_timestamp() - prepared > make_interval(secs => %s)"
    )
    wait_until(lambda: database.query(age, [seconds])[0][0], 10, f"it is older than {seconds} s")
