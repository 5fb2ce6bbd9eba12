"""ReplicationLag: standbys and slots that can be seen; what can't be seen is Unknown."""

import asyncio
from collections.abc import Iterator

import pytest
from psycopg import sql

from localenv.database import Database
from localenv.postgres import PostgresServer
from localenv.wait import wait_until
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.run_phases import spec_of
from support.standby import StandbyServer
from support.tables import create_user_profiles

NAME = CheckName.REPLICATION_LAG
_SYNCHRONOUS = "SHOW synchronous_standby_names"
IMPATIENT = {"checks": {"limits": {"maxReplicationLagSeconds": 1}}}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of its own: standbys and slots belong to servers."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def profiles(server: PostgresServer) -> Iterator[Database]:
    created = Database.create(server)
    create_user_profiles(created, 8)
    yield created
    _drop_slots(created)
    created.drop()


@pytest.fixture(scope="module")
def standby(server: PostgresServer) -> Iterator[StandbyServer]:
    with StandbyServer(server, "reports") as standby:
        yield standby


class TestStandbys:
    async def test_one_that_keeps_up_passes(self, profiles: Database, standby: StandbyServer) -> None:
        _let_monitor(profiles)
        standby.wait_until_caught_up()
        found = await look(profiles)
        assert fallen(found) == {}
        assert judgement(found, NAME).message.startswith("1 standby, at most ")

    async def test_one_that_lags_falls_and_may_heal(self, profiles: Database, standby: StandbyServer) -> None:
        _let_monitor(profiles)
        standby.wait_until_caught_up()
        standby.pause_replay()
        profiles.execute("UPDATE user_profiles SET note = 'new'")
        assert fallen(await look(profiles, spec_of(privileges=JUDGED))) == {}
        wait_until(lambda: _lag(profiles) > 1, 10, "the standby lags by a second")
        said = only_fallen(await look(profiles, spec_of(privileges=JUDGED, **IMPATIENT)), NAME)
        standby.resume_replay()
        assert 'standbys lag by more than maxReplicationLagSeconds 1: "reports" ' in said.message
        assert said.healing is Healing.BY_ITSELF
        standby.wait_until_caught_up()
        async with asyncio.timeout(15):  # its last reply may be of before, and new WAL be on its way
            while fallen(await look(profiles, spec_of(privileges=JUDGED, **IMPATIENT))):  # noqa: ASYNC110 - looks at another server
                await asyncio.sleep(0.1)

    async def test_one_that_the_role_may_not_look_at_is_unknown(
        self, profiles: Database, standby: StandbyServer
    ) -> None:
        standby.wait_until_caught_up()
        said = only_fallen(await look(profiles), NAME, CheckResult.UNKNOWN)
        assert "the run's role may not see how far behind (reports)" in said.message
        assert f'GRANT pg_monitor TO "{profiles.owner}"' in said.message


class TestSynchronousStandbys:
    async def test_a_commit_that_would_wait_for_ever_falls_and_may_heal(self) -> None:
        with PostgresServer() as server:
            profiles = Database.create(server)
            create_user_profiles(profiles, 8)
            server.configure({"synchronous_standby_names": "nowhere"})
            wait_until(lambda: profiles.query(_SYNCHRONOUS) == [("nowhere",)], 10, "it is set")
            said = only_fallen(await look(profiles), NAME)
            assert "synchronous_standby_names is 'nowhere' and no such standby is connected" in said.message
            assert said.healing is Healing.BY_ITSELF
            server.configure({"synchronous_commit": "local"})
            wait_until(lambda: profiles.query("SHOW synchronous_commit") == [("local",)], 10, "it is set")
            assert fallen(await look(profiles)) == {}


class TestSlots:
    async def test_an_inactive_one_falls_and_is_for_a_person(self, profiles: Database) -> None:
        _create_slot(profiles, "cdc", reserve="true")
        found = await look(profiles, spec_of(privileges=JUDGED))
        said = judgement(found, NAME)
        assert said.result is CheckResult.FAILED
        assert (
            'replication slots that nobody reads hold back WAL, and the run writes more: "cdc" ('
            in said.message
        )
        assert "SELECT pg_drop_replication_slot('cdc')" in said.message

    async def test_one_that_was_left_a_moment_ago_may_heal(self, profiles: Database) -> None:
        _create_slot(profiles, "cdc", reserve="true")
        assert judgement(await look(profiles), NAME).healing is Healing.BY_ITSELF

    async def test_one_that_reserves_nothing_yet_does_not_count(self, profiles: Database) -> None:
        _let_monitor(profiles)
        _create_slot(profiles, "early", reserve="false")
        found = await look(profiles)
        assert fallen(found) == {}
        assert judgement(found, NAME).message.endswith(
            "1 replication slot, none of which holds back WAL that nobody reads"
        )

    async def test_one_that_a_standby_reads_does_not_count(self, profiles: Database) -> None:
        _let_monitor(profiles)
        with StandbyServer(profiles.server, "second", slot="second") as second:
            second.wait_until_caught_up()
            assert fallen(await look(profiles)) == {}
        wait_until(lambda: not _is_active(profiles, "second"), 10, "the slot is left")
        assert only_fallen(await look(profiles), NAME).message.startswith(
            "replication slots that nobody reads"
        )


class TestLostSlots:
    async def test_one_that_lost_its_wal_is_a_warning(self) -> None:
        with PostgresServer(settings={"max_slot_wal_keep_size": "1MB"}) as server:
            profiles = Database.create(server)
            create_user_profiles(profiles, 8)
            _create_slot(profiles, "late", reserve="true")
            with profiles.admin() as admin:
                for _ in range(3):
                    admin.execute("SELECT pg_logical_emit_message(true, 'x', 'x')")
                    admin.execute("SELECT pg_switch_wal()")
                admin.execute("CHECKPOINT")
            said = only_fallen(await look(profiles), NAME, CheckResult.WARNING)
        assert (
            "have lost their WAL, so that their readers can't go on: late; build those anew" in said.message
        )


class TestOnPostgresql16:
    """Before version 17 the server does not say since when a slot is left."""

    async def test_an_inactive_slot_is_for_a_person(self, database16: Database) -> None:
        create_user_profiles(database16, 8)
        _create_slot(database16, "cdc", reserve="true")
        said = only_fallen(await look(database16), NAME)
        _drop_slots(database16)
        assert said.healing is Healing.BY_A_PERSON


class TestWhereStandbysCannotBeSeen:
    async def test_aurora_is_unknown(self, database: Database) -> None:
        create_user_profiles(database, 8)
        database.execute("CREATE FUNCTION aurora_version() RETURNS text RETURN '16.6'")
        said = only_fallen(await look(database), NAME, CheckResult.UNKNOWN)
        assert "Aurora's replicas read the same storage and can't be seen from here" in said.message

    async def test_a_denied_view_is_unknown(self, database: Database) -> None:
        create_user_profiles(database, 8)
        with database.admin() as admin:
            admin.execute("REVOKE SELECT ON pg_catalog.pg_replication_slots FROM PUBLIC")
        assert judgement(await look(database), NAME).result is CheckResult.UNKNOWN


def _let_monitor(database: Database) -> None:
    with database.admin() as admin:
        admin.execute(sql.SQL("GRANT pg_monitor TO {}").format(sql.Identifier(database.owner)))


def _create_slot(database: Database, name: str, *, reserve: str) -> None:
    with database.admin() as admin:
        admin.execute("SELECT pg_create_physical_replication_slot(%s, %s::boolean)", [name, reserve])


def _drop_slots(database: Database) -> None:
    with database.admin() as admin:
        admin.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")


def _is_active(database: Database, slot: str) -> bool:
    rows = database.query("SELECT active FROM pg_replication_slots WHERE slot_name = %s", [slot])
    return bool(rows[0][0])


def _lag(database: Database) -> float:
    """Seconds since the standby's last answer while WAL waits for it."""
    query = """
        SELECT CASE WHEN replay_lsn >= pg_current_wal_lsn() THEN 0
            ELSE extract(epoch FROM clock_timestamp() - reply_time) END::float8
        FROM pg_stat_replication WHERE application_name = 'reports'
    """
    with database.admin() as admin:
        row = admin.execute(query).fetchone()
    return float(row[0]) if row else 0.0
