"""DatabaseSize: a Transaction ends within its limit; sizes and bloat are told."""

import pytest

from localenv.database import Database
from localenv.wait import wait_until
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.run_phases import spec_of
from support.tables import create_user_profiles

NAME = CheckName.DATABASE_SIZE
ROWS = 100_001
SECONDS = 2
"""What the formula says for so many small rows and three indexes."""


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, ROWS)
    return database


def limited_to(seconds: int) -> dict[str, object]:
    return {"checks": {"limits": {"maxTransactionSeconds": seconds}}}


async def test_sizes_and_seconds_are_told_and_the_limit_itself_passes(profiles: Database) -> None:
    found = await look(profiles, spec_of(privileges=JUDGED, **limited_to(SECONDS)))
    assert fallen(found) == {}
    said = judgement(found, NAME).message
    assert said.startswith("database ")
    assert "MiB in 3 indexes" in said
    assert said.endswith("100001 rows will take about 2 s, an estimate (limit 2 s)")


async def test_a_transaction_that_takes_too_long_falls(profiles: Database) -> None:
    said = only_fallen(await look(profiles, spec_of(privileges=JUDGED, **limited_to(SECONDS - 1))), NAME)
    assert "100001 rows will take about 2 s, an estimate, more than maxTransactionSeconds 1" in said.message
    assert "use strategy.type: Batched, or raise spec.checks.limits.maxTransactionSeconds" in said.message
    assert said.healing is Healing.BY_A_PERSON


async def test_rows_that_keep_their_role_take_no_time(profiles: Database) -> None:
    mappings = [{"from": "manager", "to": "lead"}]
    spec = spec_of(privileges=JUDGED, mappings=mappings, unmappedRoles="Keep", **limited_to(1))
    assert "25000 rows will take about 1 s" in judgement(await look(profiles, spec), NAME).message


async def test_partitions_and_their_indexes_count(database: Database) -> None:
    database.execute("""
        CREATE TYPE user_role AS ENUM ('junior_dev', 'senior_dev', 'manager', 'admin', 'developer', 'lead');
        CREATE TABLE user_profiles (
            id bigint PRIMARY KEY, role user_role NOT NULL, previous_role user_role, seniority_level text,
            role_migrated_at timestamptz
        ) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF user_profiles FOR VALUES FROM (0) TO (1000);
        CREATE TABLE high PARTITION OF user_profiles FOR VALUES FROM (1000) TO (9000);
        CREATE INDEX ON high (role);
        INSERT INTO user_profiles (id, role) SELECT n, 'manager' FROM generate_series(1, 2000) AS n;
    """)
    found = await look(database, spec_of(privileges=JUDGED, mappings=[{"from": "manager", "to": "lead"}]))
    assert fallen(found) == {}
    said = judgement(found, NAME).message
    assert "in 2 indexes" in said
    assert "user_profiles 0 bytes" not in said


async def test_bloat_is_told_as_an_estimate(database: Database) -> None:
    create_user_profiles(database, 1000)
    database.execute("ALTER TABLE user_profiles SET (autovacuum_enabled = off)")
    with database.connect() as somebody:
        # Whoever still sees the old rows keeps them from being pruned.
        somebody.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        for _ in range(3):
            database.execute("UPDATE user_profiles SET note = 'changed'")
        wait_until(lambda: _dead_rows(database) == 3000, 10, "the statistics have counted the dead rows")
        found = await look(database)
    assert fallen(found) == {}
    assert "about 75 % of its rows dead; VACUUM makes it smaller" in judgement(found, NAME).message


async def test_without_the_roles_it_is_unknown(profiles: Database) -> None:
    with profiles.connect() as owner:
        owner.execute("REVOKE SELECT ON user_profiles FROM CURRENT_USER")
    said = judgement(await look(profiles), NAME)
    assert said.result is CheckResult.UNKNOWN
    assert "permission denied for table user_profiles" in said.message


async def test_without_the_table_it_depends_on_it(database: Database) -> None:
    said = judgement(await look(database), NAME)
    assert (said.result, said.message) == (CheckResult.UNKNOWN, "can't be judged until UserProfiles passes")


def _dead_rows(database: Database) -> int:
    (row,) = database.query("SELECT pg_stat_get_dead_tuples('user_profiles'::regclass)")
    return int(row[0])
