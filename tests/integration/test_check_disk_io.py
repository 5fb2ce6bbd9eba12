"""DiskIO: pressure on I/O where the role may read it, else how often blocks are found in shared buffers."""

from collections.abc import Iterator

import pytest

from localenv.database import Database
from localenv.postgres import PostgresServer
from localenv.wait import wait_until
from roleshift.api.safety import CheckName, CheckResult
from roleshift.checks.resources import FEWEST_READS
from roleshift.engine.facts.resources import IOPressure
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.run_phases import spec_of
from support.tables import create_user_profiles

NAME = CheckName.DISK_IO


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 8)
    return database


@pytest.fixture(scope="module")
def forgetful() -> Iterator[Database]:
    """A table of 24 MiB on a server with 128 KiB of shared buffers, read from one end to the other."""
    with PostgresServer(settings={"shared_buffers": "128kB"}) as server:
        database = Database.create(server)
        create_user_profiles(database, 8)
        database.execute("CREATE TABLE big AS SELECT repeat('x', 7000) AS x FROM generate_series(1, 3000)")
        yield database


def limited_to(percent: int) -> dict[str, object]:
    other = {"maxLoadPerCPU": 1000, "minFreeMemoryPercent": 0}
    return {"checks": {"limits": {"maxIOPressurePercent": percent, **other}}}


async def test_few_reads_pass_and_it_is_said_that_they_are_few(profiles: Database) -> None:
    found = await look(profiles)
    assert fallen(found) == {}
    said = judgement(found, NAME).message
    assert (
        "too few to judge, by pg_stat_database (/proc/pressure/io can't be read through this session)" in said
    )


async def test_blocks_that_are_seldom_found_are_a_warning(forgetful: Database) -> None:
    with forgetful.connect() as reader:
        while _reads(forgetful) < FEWEST_READS:
            reader.execute("SELECT sum(length(x)) FROM big")
            reader.execute("SELECT pg_stat_force_next_flush()")
    said = only_fallen(await look(forgetful), NAME, CheckResult.WARNING)
    assert (
        "blocks were found in shared buffers since the statistics began, by pg_stat_database" in said.message
    )
    assert "less than 90 %: the run will wait for the disk" in said.message


async def test_pressure_is_read_where_the_role_may(profiles: Database) -> None:
    spec = spec_of(privileges=JUDGED, **limited_to(100))
    found = await look(profiles, spec, uri=profiles.admin_uri)
    assert fallen(found) == {}
    said = judgement(found, NAME).message
    if not isinstance(found.facts.condition.io_pressure, IOPressure):
        assert ", by pg_stat_database" in said
        return
    assert said.startswith("processes stood still for I/O in ")
    assert said.endswith(" % of the last minute, by the server's /proc/pressure/io (limit 100 %)")


async def test_a_denied_view_is_unknown(profiles: Database) -> None:
    with profiles.admin() as admin:
        admin.execute("REVOKE SELECT ON pg_catalog.pg_stat_database FROM PUBLIC")
    assert judgement(await look(profiles), NAME).result is CheckResult.UNKNOWN


async def test_without_statistics_of_reads_it_is_judged_by_them_once_there_are_enough(
    forgetful: Database,
) -> None:
    forgetful.execute("SELECT 1")
    with forgetful.admin() as admin:
        admin.execute("SELECT pg_stat_reset()")
    wait_until(lambda: _reads(forgetful) < FEWEST_READS, 10, "the statistics began anew")
    assert fallen(await look(forgetful)) == {}


def _reads(database: Database) -> int:
    query = "SELECT blks_read FROM pg_stat_database WHERE datname = current_database()"
    return int(database.query(query)[0][0])
