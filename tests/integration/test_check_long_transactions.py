"""LongTransactions: none in the database is older than the limit, and nothing holds vacuum back."""

import pytest

from localenv.database import Database
from localenv.postgres import PostgresServer
from localenv.wait import wait_until
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from roleshift.engine.score import GateOpen
from roleshift.errors import Reason
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.others import holding, prepared, wait_until_older_than, wait_until_prepared_for
from support.run_phases import spec_of
from support.standby import StandbyServer
from support.tables import create_user_profiles

NAME = CheckName.LONG_TRANSACTIONS
SHORT = spec_of(privileges=JUDGED, checks={"limits": {"maxLongTransactionSeconds": 1}})
ELSEWHERE = "INSERT INTO other VALUES (1)"


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 8)
    database.execute("CREATE TABLE other (id int)")
    return database


async def test_a_session_that_idles_in_its_transaction_is_named(profiles: Database) -> None:
    with holding(profiles.connect(), ELSEWHERE) as other:
        wait_until_older_than(profiles, 1.0)
        found = await look(profiles, SHORT)
        said = only_fallen(found, NAME)
        assert (said.reason, said.healing) == (Reason.CHECKS_WAITING, Healing.BY_ITSELF)
        assert "1 transaction is older than maxLongTransactionSeconds 1: " in said.message
        assert f"pid {other.info.backend_pid} (owner), idle in transaction, for 1 s" in said.message
        assert said.message.endswith("end them, or wait: the check is made again")
        assert isinstance(found.gate, GateOpen)
        assert fallen(await look(profiles)) == {}
    assert fallen(await look(profiles, SHORT)) == {}


async def test_one_that_is_young_enough_passes_and_is_measured(profiles: Database) -> None:
    with holding(profiles.connect(), ELSEWHERE):
        found = await look(profiles)
        assert fallen(found) == {}
        said = judgement(found, NAME).message
        assert said == (
            "1 other transaction is open in this database, the oldest for 0 s "
            "(limit maxLongTransactionSeconds 300)"
        )


async def test_a_prepared_transaction_needs_a_person(profiles: Database) -> None:
    with prepared(profiles, ELSEWHERE):
        assert fallen(await look(profiles)) == {}
        wait_until_prepared_for(profiles, 1.0)
        said = only_fallen(await look(profiles, SHORT), NAME)
        assert (said.reason, said.healing) == (Reason.CHECKS_FAILED, Healing.BY_A_PERSON)
        assert "prepared transaction left behind, prepared, for 1 s" in said.message
        assert "ROLLBACK PREPARED what nobody else will end" in said.message


async def test_a_transaction_of_another_role_is_unknown_until_its_age_may_be_seen(profiles: Database) -> None:
    with holding(profiles.admin(), ELSEWHERE) as other:
        wait_until_older_than(profiles, 1.0)
        said = only_fallen(await look(profiles, SHORT), NAME, CheckResult.UNKNOWN)
        assert said.healing is Healing.BY_ITSELF
        assert f"since when: pid {other.info.backend_pid} (admin)" in said.message
        assert f'GRANT pg_read_all_stats TO "{profiles.owner}"' in said.message
        with profiles.admin() as admin:
            admin.execute(f"GRANT pg_read_all_stats TO {profiles.owner}")
        assert "(admin), idle in transaction, for" in only_fallen(await look(profiles, SHORT), NAME).message


async def test_a_session_of_another_role_that_is_in_no_transaction_passes(profiles: Database) -> None:
    with profiles.admin() as other:
        other.execute("SELECT 1")
        assert fallen(await look(profiles, SHORT)) == {}


async def test_a_transaction_in_another_database_is_in_nobodys_way(
    profiles: Database, postgres: PostgresServer
) -> None:
    with postgres.connect() as other, other.transaction(force_rollback=True):
        other.execute("SELECT pg_current_xact_id()")
        assert "no other transaction is open" in judgement(await look(profiles, SHORT), NAME).message


@pytest.mark.parametrize(
    "view",
    ["pg_catalog.pg_prepared_xacts", "pg_catalog.pg_replication_slots", "pg_catalog.pg_stat_replication"],
)
async def test_without_a_view_it_is_unknown(profiles: Database, view: str) -> None:
    with profiles.admin() as admin:
        admin.execute(f"REVOKE SELECT ON {view} FROM PUBLIC")
    said = judgement(await look(profiles), NAME)
    assert said.result is CheckResult.UNKNOWN
    assert "permission denied" in said.message


async def test_a_slot_whose_standby_is_gone_holds_vacuum_back() -> None:
    feedback = {"hot_standby_feedback": "on", "wal_receiver_status_interval": "1s"}
    reaches = "SELECT count(*) FROM pg_replication_slots WHERE xmin IS NOT NULL AND active = %s"
    with PostgresServer(18) as server:
        profiles = Database.create(server)
        create_user_profiles(profiles, 8)
        with StandbyServer(server, slot="reports", settings=feedback):
            wait_until(lambda: profiles.query(reaches, [True])[0][0], 20, "the standby sends feedback")
            said = judgement(await look(profiles), NAME)
            assert said.result is CheckResult.PASSED
            assert "vacuum also waits for replication slot reports (" in said.message
        wait_until(lambda: profiles.query(reaches, [False])[0][0], 20, "the standby is gone")
        found = await look(profiles)
        said = judgement(found, NAME)
        assert said.result is CheckResult.WARNING
        assert "because of replication slot reports (" in said.message
        assert said.message.endswith("which nobody uses: start its standby, or drop it")
        assert fallen(found).keys() <= {NAME, CheckName.REPLICATION_LAG}


async def test_the_feedback_of_a_standby_without_a_slot_is_a_remark() -> None:
    feedback = {"hot_standby_feedback": "on", "wal_receiver_status_interval": "1s"}
    with PostgresServer(18) as server:
        profiles = Database.create(server)
        create_user_profiles(profiles, 8)
        with StandbyServer(server, settings=feedback):
            sent = "SELECT count(*) FROM pg_stat_replication WHERE backend_xmin IS NOT NULL"
            wait_until(lambda: profiles.query(sent)[0][0], 20, "the standby sends feedback")
            said = judgement(await look(profiles), NAME)
            assert said.result is CheckResult.PASSED
            assert "vacuum also waits for standby standby (" in said.message
