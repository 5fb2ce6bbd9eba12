"""What image and write really took is in the ledger with them, by the server's own clock and WAL."""

from collections.abc import Callable

import pytest

from localenv.database import Database
from roleshift.api import Phase, WALOf
from roleshift.engine.accuracy import measured, told
from roleshift.engine.run import LogOutcome
from support.run_phases import PhaseRun, phases_on
from support.tables import create_user_profiles

ROWS = 2000
OTHERS_BYTES = 5_000_000


class Meanwhile(list[tuple[int, int]]):
    """Does something when the run tells of its progress: in the middle of its write."""

    def __init__(self, what: Callable[[], object]) -> None:
        super().__init__()
        self._what = what

    def append(self, progress: tuple[int, int]) -> None:
        """Called for each range of rows."""
        self._what()
        super().append(progress)


@pytest.fixture(params=["database", "database16"])
def either(request: pytest.FixtureRequest) -> Database:
    """A database of each version, with the sample table and one that others write."""
    database: Database = request.getfixturevalue(request.param)
    create_user_profiles(database, ROWS)
    database.execute("CREATE TABLE others (text text)")
    database.execute("VACUUM ANALYZE user_profiles")
    return database


def others_write(database: Database) -> None:
    """Somebody writes into another table."""
    database.execute(
        f"INSERT INTO others SELECT repeat('x', 1000) FROM generate_series(1, {OTHERS_BYTES // 1000})"
    )


def told_of(run: PhaseRun, step: Phase) -> str:
    return told(run.run, step)


async def test_it_is_noted_with_the_step_and_told_beside_the_estimate(either: Database) -> None:
    async with phases_on(either) as run:
        await run.until(Phase.DONE)
        found, plan = measured(run.run), run.context.plan
        assert found is not None
        assert found.wal_bytes is not None
        assert 0 < found.write_seconds < found.lock_seconds < 60
        assert ROWS * 50 < found.wal_bytes < ROWS * 5000
        assert f"(about {plan.estimated_seconds} s estimated)" in told_of(run, Phase.MIGRATING)
        assert "the table was locked for" in told_of(run, Phase.MIGRATING)
        assert "of WAL with the image" in told_of(run, Phase.MIGRATING)
        assert "estimated)" in told_of(run, Phase.BACKING_UP)
        assert told_of(run, Phase.VALIDATING) == ""


async def test_what_others_write_meanwhile_is_told_apart_where_the_server_can(either: Database) -> None:
    async with phases_on(either) as run:
        run.progress = Meanwhile(lambda: others_write(either))
        await run.until(Phase.DONE)
        found = measured(run.run)
        assert found is not None
        assert found.wal_bytes is not None
        if either.server.version >= 18:
            assert found.wal_of is WALOf.BACKEND
            assert found.wal_bytes < OTHERS_BYTES
        else:
            assert found.wal_of is WALOf.SERVER
            assert found.wal_bytes > OTHERS_BYTES
            assert "what others wrote meanwhile included" in told_of(run, Phase.MIGRATING)


async def test_what_is_in_the_transaction_does_when_nothing_could_be_noted_after_it(either: Database) -> None:
    """As after a crash between the COMMIT and the next line of the log."""
    async with phases_on(either) as run:
        await run.until(Phase.DONE)
        exact = measured(run.run)
        with either.admin() as admin:
            admin.execute("DELETE FROM roleshift.migration_execution_log WHERE outcome = 'Measured'")
        await run.reload()
        rough = measured(run.run)
        assert exact is not None
        assert rough is not None
        assert rough.wal_of is WALOf.SERVER
        assert rough.write_seconds == exact.write_seconds
        assert 0 < rough.lock_seconds <= exact.lock_seconds


async def test_a_role_that_may_not_ask_for_its_own_wal_learns_the_servers(database: Database) -> None:
    create_user_profiles(database, 40)
    with database.admin() as admin:
        admin.execute("REVOKE EXECUTE ON FUNCTION pg_catalog.pg_stat_get_backend_wal FROM PUBLIC")
    async with phases_on(database) as run:
        await run.until(Phase.DONE)
        found = measured(run.run)
        assert found is not None
        assert found.wal_of is WALOf.SERVER


async def test_a_write_that_was_rolled_back_took_nothing(database: Database) -> None:
    create_user_profiles(database, 40)
    async with phases_on(database) as run:
        await run.until(Phase.MIGRATING)
        database.execute("""
            CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER swallow BEFORE UPDATE ON user_profiles FOR EACH ROW EXECUTE FUNCTION swallow();
        """)
        await run.migrate()
        assert run.run.phase is Phase.ROLLED_BACK
        assert measured(run.run) is None
        noted = [entry.step for entry in run.run.log if entry.outcome is LogOutcome.MEASURED]
        assert noted == [Phase.BACKING_UP]
