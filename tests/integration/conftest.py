"""What the tests beside this file share."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from localenv.database import Database
from localenv.postgres import PostgresServer
from support.tables import create_user_profiles

_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"


@pytest.fixture(scope="session")
def reused_database(postgres: PostgresServer) -> Iterator[Database]:
    """One database for many tests; see `emptied_database`."""
    created = Database.create(postgres)
    yield created
    created.drop()


@pytest.fixture
def emptied_database(reused_database: Database) -> Iterator[Database]:
    """An empty database, quicker than a new one: everything in its schemas goes after the test.

    Not for tests that change what belongs to the server or to the database as a whole.
    """
    yield reused_database
    _empty(reused_database)


@pytest.fixture
def profiles(database: Database) -> Database:
    """40 users; of the ids, 4 and 8 are junior_devs, 1 a senior_dev, 2 a manager, 3 an admin."""
    create_user_profiles(database, 40)
    return database


def _empty(database: Database) -> None:
    with database.admin() as admin:
        schemas = admin.execute(_SCHEMAS).fetchall()
        dropped = sql.SQL(", ").join(sql.Identifier(name) for (name,) in schemas)
        admin.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(dropped))
        admin.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
        admin.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
