"""BackupSpace: image, WAL and dead rows fit below the limit, and the estimate is near what a run needs."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.api.safety import CheckName, CheckResult
from roleshift.checks.backup import estimate_of
from roleshift.checks.subject import Subject
from roleshift.engine.facts.backup import SpaceFacts
from roleshift.errors import Reason
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.run_phases import phases_on, spec_of
from support.tables import create_user_profiles

NAME = CheckName.BACKUP_SPACE
ROWS = 20_000


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 1000)
    database.execute("VACUUM ANALYZE user_profiles")
    return database


def limited(limit: int) -> Any:
    return spec_of(privileges=JUDGED, checks={"limits": {"maxDatabaseBytes": limit}})


async def reached(database: Database) -> int:
    """Bytes that the database has with what the run needs."""
    found = await look(database)
    facts = found.facts.backup.space
    assert isinstance(facts, SpaceFacts)
    return facts.database_bytes + estimate_of(Subject(spec_of(), found.facts), facts).total


async def test_without_a_limit_it_warns_with_the_estimate(profiles: Database) -> None:
    found = await look(profiles)
    assert fallen(found) == {}
    said = judgement(found, NAME)
    assert said.result is CheckResult.WARNING
    assert said.message.startswith("1000 rows need about ")
    assert "set spec.checks.limits.maxDatabaseBytes" in said.message


async def test_a_limit_that_is_just_met_passes(profiles: Database) -> None:
    needed = await reached(profiles)
    said = judgement(await look(profiles, limited(needed)), NAME)
    assert said.result is CheckResult.PASSED
    assert said.message.endswith(f"that is {needed} bytes (limit {needed})")


async def test_a_limit_that_is_just_exceeded_fails(profiles: Database) -> None:
    needed = await reached(profiles)
    said = only_fallen(await look(profiles, limited(needed - 1)), NAME)
    assert said.reason is Reason.DISK_FULL
    assert f"more than maxDatabaseBytes {needed - 1}: make room" in said.message


async def test_rows_that_stay_need_nothing(profiles: Database) -> None:
    spec = spec_of(
        privileges=JUDGED,
        mappings=[{"from": "developer", "to": "lead"}],
        unmappedRoles="Keep",
        checks={"limits": {"maxDatabaseBytes": 10**12}},
    )
    assert judgement(await look(profiles, spec), NAME).message.startswith("0 rows need about 0 bytes")


async def test_a_probe_that_fails_is_unknown(profiles: Database) -> None:
    with profiles.admin() as admin:
        admin.execute("REVOKE EXECUTE ON FUNCTION pg_catalog.pg_database_size(name) FROM PUBLIC")
    said = judgement(await look(profiles), NAME)
    assert said.result is CheckResult.UNKNOWN
    assert "permission denied for function pg_database_size" in said.message


@pytest.mark.parametrize("analyzed", [True, False])
async def test_a_run_needs_what_was_estimated_and_not_much_less(database: Database, analyzed: bool) -> None:
    create_user_profiles(database, ROWS)
    if analyzed:
        database.execute("VACUUM ANALYZE user_profiles")
    found = await look(database)
    facts = found.facts.backup.space
    assert isinstance(facts, SpaceFacts)
    estimate = estimate_of(Subject(spec_of(), found.facts), facts)
    async with phases_on(database) as run:
        await run.until(Phase.BACKING_UP)
        database_bytes, wal_bytes = measured(database)
        await run.until(Phase.DONE)
        image = number(database, f"SELECT pg_total_relation_size('roleshift.{run.image_name}'::regclass)")
    database_then, wal_then = measured(database)
    assert 1 <= estimate.image / image <= 2
    assert 1 <= estimate.wal / (wal_then - wal_bytes) <= 3
    assert 1 <= estimate.dead / (database_then - database_bytes - image) <= 3


def measured(database: Database) -> tuple[int, int]:
    """Bytes of the database and of WAL until now; the next write of any page logs all of it."""
    with database.admin() as admin:
        admin.execute("CHECKPOINT")
    return (
        number(database, "SELECT pg_database_size(current_database())"),
        number(database, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"),
    )


def number(database: Database, query: str) -> int:
    return int(database.query(query)[0][0])
