"""ConnectionHeadroom: enough connections are left for the run, and no pooler takes its sessions apart."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from psycopg import sql

from localenv.database import Database
from localenv.postgres import PostgresServer
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from roleshift.phases.examination import examine
from support.examinations import JUDGED, fallen, judgement, look, now, only_fallen
from support.pooler import TransactionPooler
from support.run_phases import session_on, spec_of
from support.tables import create_user_profiles

NAME = CheckName.CONNECTION_HEADROOM
OF_THE_LOOK = 2
"""Connections that a look itself holds."""


@pytest.fixture(scope="module")
def small_server() -> Iterator[PostgresServer]:
    """A server of 20 connections, 3 of them reserved for superusers."""
    with PostgresServer(settings={"max_connections": "20", "max_wal_senders": "4"}) as server:
        yield server


@pytest.fixture
def small(small_server: PostgresServer) -> Iterator[Database]:
    created = Database.create(small_server)
    create_user_profiles(created, 8)
    yield created
    created.drop()


@contextmanager
def sessions(database: Database, number: int) -> Iterator[None]:
    """So many idle sessions of the superuser: the run's role sees of them only that they are there."""
    with ExitStack() as opened:
        for _ in range(number):
            opened.enter_context(database.admin())
        yield


def limited_to(percent: int) -> dict[str, object]:
    return {"checks": {"limits": {"maxConnectionsPercent": percent}}}


async def test_few_connections_pass_with_what_was_measured(small: Database) -> None:
    found = await look(small)
    assert fallen(found) == {}
    assert judgement(found, NAME).message == (
        "2 of 20 connections in use, 10.0 %, limit 80 %; 15 left for the run"
    )


async def test_the_limit_itself_may_be_reached(small: Database) -> None:
    with sessions(small, 10 - OF_THE_LOOK):
        assert fallen(await look(small, spec_of(privileges=JUDGED, **limited_to(50)))) == {}


async def test_one_more_than_the_limit_falls_and_may_heal(small: Database) -> None:
    with sessions(small, 11 - OF_THE_LOOK):
        found = await look(small, spec_of(privileges=JUDGED, **limited_to(50)))
    said = only_fallen(found, NAME)
    assert "11 of 20 connections in use, 55.0 %, more than maxConnectionsPercent 50" in said.message
    assert said.healing is Healing.BY_ITSELF


async def test_a_run_that_would_not_get_its_last_connection_falls(small: Database) -> None:
    with sessions(small, 17 - OF_THE_LOOK):
        said = only_fallen(await look(small, spec_of(privileges=JUDGED, **limited_to(100))), NAME)
    assert (
        "0 connections are left (max_connections 20, 3 of them reserved) and the run needs 1 more"
        in said.message
    )


async def test_processes_of_the_server_itself_and_wal_senders_do_not_count(small: Database) -> None:
    with small.admin() as admin:
        row = admin.execute("SELECT count(*) FROM pg_stat_activity").fetchone()
    assert row is not None
    assert row[0] > 5
    assert judgement(await look(small), NAME).message.startswith("2 of 20")


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("ALTER ROLE {owner} CONNECTION LIMIT {limit}", "the run's role is limited to 2 connections"),
        ("ALTER DATABASE {name} CONNECTION LIMIT {limit}", "the database is limited to 2 connections"),
    ],
)
async def test_a_limit_below_what_a_run_needs_is_for_a_person(
    small: Database, statement: str, what: str
) -> None:
    _limit(small, statement, 2)
    said = only_fallen(await look(small), NAME)
    assert f"{what} and a run needs 3" in said.message
    assert said.healing is Healing.BY_A_PERSON


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("ALTER ROLE {owner} CONNECTION LIMIT {limit}", "(the role's limit of 3)"),
        ("ALTER DATABASE {name} CONNECTION LIMIT {limit}", "(the database's limit of 3)"),
    ],
)
async def test_a_limit_that_is_used_up_falls_and_may_heal(small: Database, statement: str, what: str) -> None:
    _limit(small, statement, 3)
    assert fallen(await look(small)) == {}
    with small.connect():
        said = only_fallen(await look(small), NAME)
    assert f"0 connections are left {what}" in said.message
    assert said.healing is Healing.BY_ITSELF


async def test_a_pooler_in_transaction_mode_is_named(small: Database) -> None:
    with TransactionPooler(small) as pooler:
        found = await look(small, uri=pooler.uri)
    said = only_fallen(found, NAME)
    assert "a connection pooler in transaction mode stands before the server" in said.message
    assert "two sessions were given the same server process" in said.message
    assert "connect to the server directly, or through a pool in session mode" in said.message


async def test_a_pooler_that_moves_a_session_from_process_to_process_is_named(small: Database) -> None:
    spec = spec_of(privileges=JUDGED)
    with TransactionPooler(small, processes=2) as pooler:
        reading = await session_on(pooler.uri)
        with psycopg.connect(pooler.uri) as somebody:
            somebody.execute("SELECT 1")
            trying = await session_on(pooler.uri)
            assert reading.backend != trying.backend
            found = await examine(spec, reading, trying, now())
        await reading.close()
        await trying.close()
    assert "this session began on another server process" in only_fallen(found, NAME).message


async def test_a_denied_view_is_unknown(small: Database) -> None:
    with small.admin() as admin:
        admin.execute("REVOKE SELECT ON pg_catalog.pg_database FROM PUBLIC")
    assert judgement(await look(small), NAME).result is CheckResult.UNKNOWN


def _limit(database: Database, statement: str, limit: int) -> None:
    with database.admin() as admin:
        admin.execute(
            sql.SQL(statement).format(
                owner=sql.Identifier(database.owner), name=sql.Identifier(database.name), limit=limit
            )
        )
