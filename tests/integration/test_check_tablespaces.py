"""Tablespaces: the target's and the image's are there and may be used, and the server takes writes."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from localenv.database import Database
from localenv.postgres import PostgresServer
from localenv.wait import wait_until
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres.session import Timeouts
from support.examinations import fallen, judgement, look, only_fallen
from support.run_phases import session_on
from support.standby import StandbyServer
from support.tables import create_user_profiles

NAME = CheckName.TABLESPACES
FAST = "fast disk"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of its own with a tablespace, because tablespaces belong to servers."""
    with PostgresServer() as server:
        with server.connect() as admin:
            admin.execute("SET allow_in_place_tablespaces = on")
            admin.execute(sql.SQL("CREATE TABLESPACE {} LOCATION ''").format(sql.Identifier(FAST)))
        yield server


@pytest.fixture
def profiles(server: PostgresServer) -> Iterator[Database]:
    created = Database.create(server)
    create_user_profiles(created, 8)
    yield created
    created.drop()


async def test_the_tablespaces_are_named(profiles: Database) -> None:
    found = await look(profiles)
    assert fallen(found) == {}
    said = judgement(found, NAME).message
    assert said.startswith('public.user_profiles is kept in "pg_default", its image will be in "pg_default"')
    assert "the server takes writes; how much room is left there can't be seen through SQL" in said


async def test_another_tablespace_of_an_index_needs_no_right_to_create(profiles: Database) -> None:
    with profiles.admin() as admin:
        admin.execute('ALTER INDEX user_profiles_email_key SET TABLESPACE "fast disk"')
    found = await look(profiles)
    assert fallen(found) == {}
    assert 'is kept in "fast disk", "pg_default"' in judgement(found, NAME).message


async def test_a_default_tablespace_without_the_right_to_create_falls(profiles: Database) -> None:
    _set(profiles, "default_tablespace", FAST)
    found = await look(profiles)
    # The image is really created there by BackupPermissions, so that it falls with it.
    assert fallen(found).keys() == {NAME, CheckName.BACKUP_PERMISSIONS}
    said = judgement(found, NAME)
    assert (said.result, said.reason) == (CheckResult.FAILED, Reason.PERMISSION_DENIED)
    assert 'GRANT CREATE ON TABLESPACE "fast disk" TO it, or change the setting' in said.message


async def test_a_default_tablespace_with_the_right_to_create_passes(profiles: Database) -> None:
    _set(profiles, "default_tablespace", FAST)
    with profiles.admin() as admin:
        grant = sql.SQL("GRANT CREATE ON TABLESPACE {} TO {}")
        admin.execute(grant.format(sql.Identifier(FAST), sql.Identifier(profiles.owner)))
    try:
        found = await look(profiles)
    finally:
        with profiles.admin() as admin:
            revoke = sql.SQL("REVOKE CREATE ON TABLESPACE {} FROM {}")
            admin.execute(revoke.format(sql.Identifier(FAST), sql.Identifier(profiles.owner)))
    assert fallen(found) == {}
    assert 'its image will be in "fast disk"' in judgement(found, NAME).message


async def test_a_default_tablespace_that_is_not_there_is_a_warning(profiles: Database) -> None:
    _configure(profiles, "gone")
    found = await look(profiles)
    _configure(profiles, "")
    said = only_fallen(found, NAME, CheckResult.WARNING)
    assert 'default_tablespace is "gone" and there is none of that name' in said.message
    assert 'the image will be kept in "pg_default"' in said.message


async def test_a_read_only_database_falls_and_says_who_made_it_so(profiles: Database) -> None:
    _set(profiles, "default_transaction_read_only", "on")
    said = only_fallen(await look(profiles), NAME)
    assert "default_transaction_read_only is on (set by: database)" in said.message
    assert said.healing is Healing.BY_A_PERSON


async def test_a_server_in_recovery_falls_and_may_heal(profiles: Database) -> None:
    settings = {"allow_in_place_tablespaces": "on"}
    with StandbyServer(profiles.server, settings=settings) as standby:
        standby.wait_until_caught_up()
        uri = standby.uri(profiles.name, profiles.owner, profiles.password, sslmode="disable")
        found = await look(profiles, uri=uri)
        session = await session_on(uri)
        with pytest.raises(DatabaseError, match="connect to the primary") as refused:
            async with session.transaction(Timeouts()):
                pass
        await session.close()
    assert (refused.value.reason, refused.value.retryable) == (Reason.READ_ONLY, True)
    assert fallen(found) == {NAME: CheckResult.FAILED, CheckName.BACKUP_PERMISSIONS: CheckResult.UNKNOWN}
    assert "can't be written" in judgement(found, CheckName.BACKUP_PERMISSIONS).message
    said = judgement(found, NAME)
    assert "the server is in recovery (a standby) and takes no writes: connect to the primary" in said.message
    assert (said.reason, said.healing) == (Reason.READ_ONLY, Healing.BY_ITSELF)


async def test_a_denied_view_is_unknown(profiles: Database) -> None:
    with profiles.admin() as admin:
        admin.execute("REVOKE SELECT ON pg_catalog.pg_tablespace FROM PUBLIC")
    found = await look(profiles)
    assert fallen(found) == dict.fromkeys((NAME, CheckName.DATABASE_SIZE), CheckResult.UNKNOWN)


def _configure(database: Database, tablespace: str) -> None:
    """Only the server's own file can name a tablespace that is not there."""
    database.server.configure({"default_tablespace": tablespace})
    wait_until(lambda: database.query("SHOW default_tablespace") == [(tablespace,)], 10, "it is set")


def _set(database: Database, name: str, value: str) -> None:
    with database.admin() as admin:
        statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
        admin.execute(
            statement.format(sql.Identifier(database.name), sql.Identifier(name), sql.Literal(value))
        )
