"""Locks: nobody holds a lock that the write would wait for, and nobody waits for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import psycopg
import pytest

from localenv.database import Database
from localenv.wait import wait_until
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from roleshift.errors import Reason
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.run_phases import spec_of
from support.tables import create_user_profiles

NAME = CheckName.LOCKS
PATIENT = {"lockTimeoutSeconds": 1}
CHANGE = "UPDATE user_profiles SET note = note WHERE id = 1"


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 8)
    return database


@contextmanager
def holding(connection: psycopg.Connection[Any], statement: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction that has run a statement and stays open for the block."""
    with connection, connection.transaction(force_rollback=True):
        connection.execute(statement)
        yield connection


def wait_until_older_than(database: Database, seconds: float) -> None:
    """Wait until another session's transaction on the database is older than that."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        " AND clock_timestamp() - xact_start > make_interval(secs => %s)"
    )

    def is_old() -> bool:
        with database.admin() as admin:
            found = admin.execute(query, [database.name, seconds]).fetchone()
        return found is not None and bool(found[0])

    wait_until(is_old, 10, f"a transaction is older than {seconds} s")


async def test_a_lock_that_was_held_longer_than_the_limit_is_named(profiles: Database) -> None:
    with holding(profiles.connect(), CHANGE) as other:
        wait_until_older_than(profiles, 1.0)
        found = await look(profiles, spec_of(privileges=JUDGED, strategy=PATIENT))
        said = only_fallen(found, NAME)
        assert said.reason is Reason.CHECKS_WAITING
        assert said.healing is Healing.BY_ITSELF
        assert "1 sessions hold a lock on public.user_profiles longer than" in said.message
        assert f"pid {other.info.backend_pid} (owner) holds RowExclusiveLock for 1 s" in said.message


async def test_a_lock_of_a_moment_passes(profiles: Database) -> None:
    with holding(profiles.connect(), CHANGE):
        assert fallen(await look(profiles)) == {}


@pytest.mark.parametrize("mode", ["ACCESS SHARE", "ROW SHARE"])
async def test_readers_are_in_nobodys_way(profiles: Database, mode: str) -> None:
    with holding(profiles.connect(), f"LOCK user_profiles IN {mode} MODE"):
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
        assert "1 wait for one" in said.message
    in_line.join(10)


async def test_a_lock_that_somebody_else_keeps_is_unknown_when_its_age_is_hidden(profiles: Database) -> None:
    with holding(profiles.admin(), CHANGE) as other:
        said = only_fallen(await look(profiles), NAME, CheckResult.UNKNOWN)
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
    with profiles.connect() as other:
        other.execute("BEGIN")
        other.execute(CHANGE)
        other.execute("PREPARE TRANSACTION 'left behind'")
    try:
        age = "SELECT count(*) FROM pg_prepared_xacts WHERE clock_timestamp() - prepared > '1 s'"
        wait_until(lambda: profiles.query(age)[0][0], 10, "it is older than 1 s")
        found = await look(profiles, spec_of(privileges=JUDGED, strategy=PATIENT))
        message = only_fallen(found, NAME).message
        assert "prepared transaction left behind holds RowExclusiveLock" in message
    finally:
        profiles.execute("ROLLBACK PREPARED 'left behind'")


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
