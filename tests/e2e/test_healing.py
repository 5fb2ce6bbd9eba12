"""What heals by itself is seen to heal: nobody touches the RoleMigration, and the run comes to Done.

Until then it says what it waits for, is reconciling and not stalled, and leaves the table alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.operator import OperatorProcess
from localenv.postgres import PostgresServer
from localenv.wait import wait_until
from support.cases import CANARY, CANARY_AS_A_WORD, Case, with_password
from support.migrations import Migration

LOCK_SECONDS = 1
IMPATIENT = {"lockTimeoutSeconds": LOCK_SECONDS}


def assert_heals(case: Case) -> None:
    """The run ends well, in its first attempt, with the manifest that was applied."""
    case.assert_done()
    assert case.migration.read()["metadata"]["generation"] == 1
    assert case.database.query("SELECT count(*) FROM roleshift.migration_run") == [(1,)]


class TestConnection:
    def test_the_secret_appears(self, case: Case) -> None:
        case.apply_without_secret()
        case.assert_waits("SecretNotFound")
        case.migration.secret(case.database.uri)
        assert_heals(case)

    def test_the_password_is_corrected_in_the_secret(self, case: Case) -> None:
        case.apply(replace(case.database, password=f"{CANARY_AS_A_WORD}, wrong").uri)
        case.assert_waits("AuthenticationFailed")
        case.migration.secret(case.database.uri)
        assert_heals(case)

    def test_the_password_is_corrected_on_the_server(self, case: Case) -> None:
        uri = case.database.uri
        case.database = with_password(case.database, "another")
        case.apply(uri)
        case.assert_waits("AuthenticationFailed")
        case.database = with_password(case.database, CANARY)
        assert_heals(case)

    def test_the_database_gets_its_name(self, case: Case) -> None:
        case.remember()
        name, other = case.database.name, f"{case.database.name}_old"
        rename(case.database.server, name, other)
        case.migration.secret(case.database.uri)
        case.migration.apply()
        case.says_it_waits("DatabaseNotFound", name)
        rename(case.database.server, other, name)
        case.assert_table_unchanged()
        assert_heals(case)

    def test_connections_become_free(self, case: Case) -> None:
        limit_connections(case.database, 0)
        case.apply()
        case.assert_waits("TooManyConnections", "free connections")
        limit_connections(case.database, -1)
        assert_heals(case)


def rename(server: PostgresServer, before: str, after: str) -> None:
    """Give a database another name."""
    with server.connect() as admin:
        admin.execute(f"ALTER DATABASE {before} RENAME TO {after}")


def limit_connections(database: Database, limit: int) -> None:
    """Allow the owner so many sessions; -1: any number."""
    with database.admin() as admin:
        admin.execute(f"ALTER ROLE {database.owner} CONNECTION LIMIT {limit}")


class TestServer:
    def test_the_server_comes_back(self, own_case: Case) -> None:
        server = own_case.database.server
        own_case.remember()
        server.stop()
        own_case.migration.secret(own_case.database.uri)
        own_case.migration.apply()
        status = own_case.says_it_waits("ServerUnreachable", f"{server.host}:{server.port}")
        assert status["phase"] == "Pending"
        server.start()
        own_case.assert_table_unchanged()
        assert_heals(own_case)

    @pytest.fixture
    def own_case(
        self, control_plane: ControlPlane, namespace: str, operator: OperatorProcess
    ) -> Iterator[Case]:
        """A case on a server of its own."""
        with PostgresServer(18) as server:
            migration = Migration(control_plane, namespace)
            yield Case.of_40_users(operator, migration, Database.create(server))


class TestLocks:
    def test_a_lock_on_the_table_is_released(self, case: Case) -> None:
        with holding(case.database, "UPDATE user_profiles SET note = note WHERE id = 1") as session:
            wait_until(lambda: age_seconds(session) > LOCK_SECONDS, 20, "the lock is old enough to count")
            case.apply(strategy=IMPATIENT)
            case.assert_waits("ChecksWaiting", "owner", "RowExclusiveLock", "end them, or wait")
        assert_heals(case)

    def test_a_lock_that_hides_the_table_is_released(self, case: Case) -> None:
        case.remember()
        with holding(case.database, "LOCK TABLE user_profiles IN ACCESS EXCLUSIVE MODE"):
            case.migration.secret(case.database.uri)
            case.migration.apply(strategy=IMPATIENT)
            assert case.says_it_waits("LockTimeout")["phase"] == "Checking"
        case.assert_table_unchanged()
        assert_heals(case)

    def test_a_lock_on_a_row_is_released(self, case: Case) -> None:
        with holding(case.database, "SELECT FROM user_profiles WHERE id = 7 FOR UPDATE"):
            case.apply(strategy=IMPATIENT, checks={"minimumScore": 80})
            status = case.says_it_waits("LockTimeout", "another session holds a lock", "tries again")
            assert status["phase"] == "Migrating"
            case.assert_table_unchanged()
        assert_heals(case)


@contextmanager
def holding(database: Database, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """The application in a transaction that has run a statement and ends with the block."""
    with database.connect() as session, session.transaction(force_rollback=True):
        session.execute(statement.encode())
        yield session


def age_seconds(session: psycopg.Connection[Any]) -> float:
    """For how long a transaction has been open."""
    found = session.execute("SELECT extract(epoch FROM clock_timestamp() - now())::float8").fetchone()
    assert found is not None
    return float(found[0])


class TestSuspension:
    def test_a_suspended_spec_is_resumed(self, case: Case) -> None:
        case.apply(suspend=True)
        case.assert_waits("Suspended", "spec.suspend")
        case.migration.patch({"suspend": False})
        case.assert_done()

    def test_a_suspending_annotation_is_removed(self, case: Case) -> None:
        annotation = "roleshift.dev/suspended-by"
        case.apply_without_secret()
        case.assert_waits("SecretNotFound")
        case.migration.patch(annotations={annotation: "ann"})
        case.assert_waits("Suspended", annotation)
        case.migration.secret(case.database.uri)
        case.migration.kubectl("annotate", "rolemig", case.migration.name, f"{annotation}-")
        assert_heals(case)
