"""ActiveUsers: not more sessions of others touch the target at this moment than the manifest allows."""

from contextlib import ExitStack

import pytest
from psycopg import sql

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from roleshift.errors import Reason
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.others import holding
from support.run_phases import phases_on, spec_of
from support.tables import create_user_profiles

NAME = CheckName.ACTIVE_USERS
READ = "SELECT count(*) FROM user_profiles"


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 8)
    return database


def at_most(sessions: int) -> dict[str, object]:
    return {"limits": {"maxActiveUsers": sessions}}


@pytest.mark.parametrize(("limit", "falls"), [(2, False), (1, True)], ids=["just met", "just exceeded"])
async def test_sessions_are_counted_against_the_limit(profiles: Database, limit: int, falls: bool) -> None:
    with ExitStack() as sessions:
        for _ in range(2):
            sessions.enter_context(holding(profiles.connect(), READ))
        found = await look(profiles, spec_of(privileges=JUDGED, checks=at_most(limit)))
        said = only_fallen(found, NAME) if falls else judgement(found, NAME)
        assert said.result is (CheckResult.FAILED if falls else CheckResult.PASSED)
        assert "2 other sessions use public.user_profiles at this moment (owner: 2), " in said.message
        assert f"limit maxActiveUsers {limit}" in said.message
        if falls:
            assert (said.reason, said.healing) == (Reason.CHECKS_WAITING, Healing.BY_ITSELF)
            assert said.message.endswith("stop what uses it, or wait: the check is made again")
    assert fallen(await look(profiles, spec_of(privileges=JUDGED, checks=at_most(limit)))) == {}


async def test_a_session_of_another_role_counts_too(profiles: Database) -> None:
    with holding(profiles.admin(), READ):
        said = judgement(await look(profiles, spec_of(checks=at_most(0))), NAME)
        assert said.result is CheckResult.FAILED
        assert "(admin: 1)" in said.message


async def test_who_touches_only_another_table_does_not_count(profiles: Database) -> None:
    profiles.execute("CREATE TABLE other (id int)")
    with holding(profiles.connect(), "LOCK other"):
        found = await look(profiles, spec_of(privileges=JUDGED, checks=at_most(0)))
        assert fallen(found) == {}
        assert "0 other sessions" in judgement(found, NAME).message


async def test_who_touches_a_partition_counts(database: Database) -> None:
    database.execute("""
        CREATE TABLE user_profiles (
            id int PRIMARY KEY, role text, previous_role text, seniority_level text, role_migrated_at date
        ) PARTITION BY RANGE (id);
        CREATE TABLE first_ones PARTITION OF user_profiles FOR VALUES FROM (0) TO (100);
        INSERT INTO user_profiles VALUES (1, 'admin')
    """)
    with holding(database.connect(), "LOCK TABLE ONLY first_ones IN ACCESS SHARE MODE"):
        assert judgement(await look(database, spec_of(checks=at_most(0))), NAME).result is CheckResult.FAILED


async def test_the_runs_own_sessions_do_not_count(profiles: Database) -> None:
    async with phases_on(profiles, spec_of(checks=at_most(0))) as run:
        async with run.control.transaction(run.control.timeouts):
            await run.control.execute(sql.SQL(READ))
            said = judgement(await look(profiles, spec_of(checks=at_most(0))), NAME)
        assert said.result is CheckResult.PASSED


async def test_without_the_view_of_locks_it_is_unknown(profiles: Database) -> None:
    with profiles.admin() as admin:
        admin.execute("REVOKE SELECT ON pg_catalog.pg_locks FROM PUBLIC")
    said = judgement(await look(profiles), NAME)
    assert said.result is CheckResult.UNKNOWN
    assert "permission denied for view pg_locks" in said.message
