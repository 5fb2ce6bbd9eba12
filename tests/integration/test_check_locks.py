"""Locks: nobody holds a lock that the write would wait for, and nobody waits for one."""

from contextlib import suppress
from threading import Thread
from typing import Any

import psycopg
import pytest

from localenv.database import Database
from localenv.wait import wait_until
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from roleshift.engine.score import GateOpen
from roleshift.errors import Reason
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.others import holding, prepared, wait_until_older_than, wait_until_prepared_for
from support.run_phases import spec_of
from support.tables import create_user_profiles

NAME = CheckName.LOCKS
PATIENT = {"lockTimeoutSeconds": 1}
TAKE = "SELECT pg_advisory_xact_lock(%s)"
CHANGE = "UPDATE user_profiles SET note = note WHERE id = 1"


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 8)
    return database


async def test_a_lock_that_was_held_longer_than_the_limit_is_named(profiles: Database) -> None:
    with holding(profiles.connect(), CHANGE) as other:
        wait_until_older_than(profiles, 1.0)
        found = await look(profiles, spec_of(privileges=JUDGED, strategy=PATIENT))
        said = only_fallen(found, NAME)
        assert said.reason is Reason.CHECKS_WAITING
        assert said.healing is Healing.BY_ITSELF
        assert "1 session holds a lock on public.user_profiles longer than" in said.message
        assert f"pid {other.info.backend_pid} (owner) holds RowExclusiveLock for 1 s" in said.message


async def test_a_lock_of_a_moment_passes(profiles: Database) -> None:
    with holding(profiles.connect(), CHANGE):
        assert fallen(await look(profiles)) == {}


async def test_rows_that_are_locked_for_long_are_a_warning_until_they_are_free(profiles: Database) -> None:
    spec = spec_of(privileges=JUDGED, strategy=PATIENT)
    with holding(profiles.connect(), "SELECT * FROM user_profiles WHERE id = 1 FOR UPDATE") as other:
        assert fallen(await look(profiles)) == {}
        wait_until_older_than(profiles, 1.0)
        said = only_fallen(await look(profiles, spec), NAME, CheckResult.WARNING)
        assert said.healing is Healing.BY_ITSELF
        assert said.message.startswith(
            "1 session holds locks on single rows of public.user_profiles longer than lockTimeoutSeconds 1: "
            f"pid {other.info.backend_pid} (owner) holds RowShareLock for 1 s; the write waits"
        )
    assert fallen(await look(profiles, spec)) == {}


async def test_readers_are_in_nobodys_way(profiles: Database) -> None:
    with holding(profiles.connect(), "LOCK user_profiles IN ACCESS SHARE MODE"):
        wait_until_older_than(profiles, 1.0)
        assert fallen(await look(profiles, spec_of(privileges=JUDGED, strategy=PATIENT))) == {}


async def test_a_session_that_waits_for_a_lock_fails_it(profiles: Database) -> None:
    def wait_in_line() -> None:
        with profiles.connect() as second, second.transaction(force_rollback=True):
            second.execute("LOCK user_profiles IN SHARE MODE")

    in_line = Thread(target=wait_in_line)
    with holding(profiles.connect(), CHANGE):
        in_line.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_until(lambda: profiles.query(waiting)[0][0], 10, "the second session waits")
        said = judgement(await look(profiles), NAME)
        assert said.result is CheckResult.FAILED
        assert "1 waits for one" in said.message
    in_line.join(10)


async def test_a_lock_that_somebody_else_keeps_is_unknown_when_its_age_is_hidden(profiles: Database) -> None:
    with holding(profiles.admin(), CHANGE) as other:
        found = await look(profiles)
        both = (NAME, CheckName.LONG_TRANSACTIONS)
        assert fallen(found) == dict.fromkeys(both, CheckResult.UNKNOWN)
        said = judgement(found, NAME)
        assert said.healing is Healing.BY_ITSELF
        assert f"pid {other.info.backend_pid}" in said.message
        assert f'GRANT pg_read_all_stats TO "{profiles.owner}"' in said.message


async def test_short_writers_whose_age_is_hidden_pass(
    profiles: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def second_look(_: float) -> None:
        other.rollback()
        other.execute(CHANGE)

    monkeypatch.setattr("roleshift.postgres.probes.locks.asyncio.sleep", second_look)
    with psycopg.connect(profiles.admin_uri) as other:
        other.execute(CHANGE)
        assert fallen(await look(profiles)) == {}
        other.rollback()


async def test_with_the_right_to_see_it_the_age_of_somebody_elses_lock_is_judged(profiles: Database) -> None:
    with profiles.admin() as admin:
        admin.execute(f"GRANT pg_read_all_stats TO {profiles.owner}")
    with holding(profiles.admin(), CHANGE):
        assert fallen(await look(profiles)) == {}
        wait_until_older_than(profiles, 1.0)
        found = await look(profiles, spec_of(privileges=JUDGED, strategy=PATIENT))
        assert "(admin) holds RowExclusiveLock for 1 s" in only_fallen(found, NAME).message


async def test_the_lock_of_a_prepared_transaction_is_seen(profiles: Database) -> None:
    with prepared(profiles, CHANGE):
        wait_until_prepared_for(profiles, 1.0)
        found = await look(profiles, spec_of(privileges=JUDGED, strategy=PATIENT))
        message = only_fallen(found, NAME).message
        assert "prepared transaction left behind holds RowExclusiveLock" in message


async def test_a_lock_on_one_partition_is_a_lock_on_the_table(database: Database) -> None:
    database.execute("""
        CREATE TABLE user_profiles (
            id int PRIMARY KEY, role text, previous_role text, seniority_level text, role_migrated_at date
        ) PARTITION BY RANGE (id);
        CREATE TABLE first_ones PARTITION OF user_profiles FOR VALUES FROM (0) TO (100);
        INSERT INTO user_profiles VALUES (1, 'admin')
    """)
    with holding(database.connect(), "LOCK first_ones IN ROW EXCLUSIVE MODE"):
        wait_until_older_than(database, 1.0)
        said = judgement(await look(database, spec_of(strategy=PATIENT)), NAME)
        assert "holds RowExclusiveLock" in said.message


class TestDeadlocks:
    async def test_none_were_counted(self, profiles: Database) -> None:
        said = judgement(await look(profiles), NAME)
        assert said.result is CheckResult.PASSED
        assert said.message.endswith("and the server has counted no deadlock in this database")

    async def test_those_of_the_last_hour_are_a_warning(self, profiles: Database) -> None:
        with profiles.admin() as admin:
            admin.execute("SELECT pg_stat_reset()")
        deadlock(profiles)
        found = await look(profiles)
        said = only_fallen(found, NAME, CheckResult.WARNING)
        assert "there was 1 deadlock in this database in the last 1 minute" in said.message
        assert isinstance(found.gate, GateOpen)

    async def test_those_of_any_time_are_a_remark(self, profiles: Database) -> None:
        deadlock(profiles)
        found = await look(profiles)
        assert fallen(found) == {}
        assert "1 deadlock was counted in this database, when is not known" in judgement(found, NAME).message

    async def test_uncounted_ones_are_unknown(self, profiles: Database) -> None:
        with profiles.admin() as admin:
            admin.execute("REVOKE SELECT ON pg_catalog.pg_stat_database FROM PUBLIC")
        said = judgement(await look(profiles), NAME)
        assert said.result is CheckResult.UNKNOWN
        assert "permission denied for view pg_stat_database" in said.message


def deadlock(database: Database) -> None:
    """Two transactions that wait for each other; the server ends one and has counted it."""
    with psycopg.connect(database.uri) as first, psycopg.connect(database.uri) as second:
        first.execute(TAKE, [1])
        second.execute(TAKE, [2])
        waiter = Thread(target=take_and_give_up, args=(first, 2))
        waiter.start()
        take_and_give_up(second, 1)
        waiter.join(20)
    counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    wait_until(lambda: database.query(counted)[0][0], 10, "the deadlock is counted")


def take_and_give_up(session: psycopg.Connection[Any], key: int) -> None:
    """Wait for a lock until it is there or a deadlock is found, and let everything go."""
    with suppress(psycopg.errors.DeadlockDetected):
        session.execute(TAKE, [key])
    session.rollback()
