"""BackgroundJobs: no maintenance, COPY, scheduled job or other run stands in the way of the write."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

import psycopg
import pytest

from localenv.database import Database
from localenv.postgres import PostgresServer
from localenv.wait import wait_until
from roleshift.api import Phase
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from roleshift.errors import Reason
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.others import holding
from support.run_phases import phases_on, spec_of
from support.tables import create_user_profiles

NAME = CheckName.BACKGROUND_JOBS
PATIENT = spec_of(privileges=JUDGED, strategy={"lockTimeoutSeconds": 300})
SLOW = "SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1"
SLOW_AUTOVACUUM = (
    "ALTER TABLE user_profiles SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
)
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1"


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 2000)
    return database


@contextmanager
def under_way(session: psycopg.Connection[Any], view: str, *statements: str) -> Iterator[int]:
    """A command that takes its time, from when the server reports its progress; ended with the block."""

    def run() -> None:
        with suppress(psycopg.errors.QueryCanceled):
            for statement in statements:
                session.execute(statement.encode())

    worker = Thread(target=run)
    pid = session.info.backend_pid
    reported = f"SELECT count(*) FROM {view} WHERE pid = %s"
    with session, psycopg.connect(session.info.dsn, password=session.info.password, autocommit=True) as other:
        worker.start()
        wait_until(lambda: other.execute(reported.encode(), [pid]).fetchone() == (1,), 10, f"{view} has it")
        try:
            yield pid
        finally:
            other.execute("SELECT pg_cancel_backend(%s)", [pid])
            worker.join(20)


async def test_an_index_that_is_being_built_fails(profiles: Database) -> None:
    build = "CREATE INDEX CONCURRENTLY ON user_profiles (note)"
    building = under_way(profiles.connect(), "pg_stat_progress_create_index", build)
    with holding(profiles.connect(), SNAPSHOT), building as pid:
        said = only_fallen(await look(profiles, PATIENT), NAME)
        assert (said.reason, said.healing) == (Reason.CHECKS_WAITING, Healing.BY_ITSELF)
        assert "1 job is under way on public.user_profiles, none is wanted: " in said.message
        assert f"pid {pid} (owner) runs CREATE INDEX CONCURRENTLY (" in said.message
        assert said.message.endswith("end them, or wait: the check is made again")
    assert fallen(await look(profiles, PATIENT)) == {}


@pytest.mark.parametrize("who", ["connect", "admin"], ids=["of the same role", "of another role"])
async def test_a_vacuum_fails_whosever_it_is(profiles: Database, who: str) -> None:
    vacuum = (SLOW, "VACUUM (DISABLE_PAGE_SKIPPING) user_profiles")
    with under_way(getattr(profiles, who)(), "pg_stat_progress_vacuum", *vacuum) as pid:
        said = judgement(await look(profiles, PATIENT), NAME)
        assert (said.result, said.healing) == (CheckResult.FAILED, Healing.BY_ITSELF)
        assert f"pid {pid} (" in said.message
        assert "runs VACUUM" in said.message


async def test_a_job_on_another_table_is_in_nobodys_way(profiles: Database) -> None:
    profiles.execute("CREATE TABLE other AS SELECT * FROM user_profiles")
    vacuum = (SLOW, "VACUUM (DISABLE_PAGE_SKIPPING) other")
    for who in (profiles.connect, profiles.admin):
        with under_way(who(), "pg_stat_progress_vacuum", *vacuum):
            found = await look(profiles, PATIENT)
            assert "no job on public.user_profiles is in the way" in judgement(found, NAME).message
            assert fallen(found) == {}


async def test_a_copy_into_the_table_fails(profiles: Database) -> None:
    into = "COPY user_profiles (id, email, role) FROM STDIN"
    with profiles.connect() as session, session.cursor() as cursor, cursor.copy(into) as copy:
        copy.write_row((9999, "new", "admin"))
        said = only_fallen(await look(profiles, PATIENT), NAME)
        assert "(owner) runs COPY FROM" in said.message


async def test_a_copy_out_of_the_table_gives_way(profiles: Database) -> None:
    profiles.execute("UPDATE user_profiles SET note = repeat('x', 50_000)")
    out = "COPY user_profiles TO STDOUT"
    with profiles.connect() as session, session.cursor() as cursor, cursor.copy(out) as copy:
        copy.read()
        found = await look(profiles, PATIENT)
        for _ in copy:
            pass
    assert "(owner) runs COPY TO, which gives way" in judgement(found, NAME).message
    assert fallen(found) == {}


async def test_another_run_that_occupies_the_table_fails_until_it_ends(profiles: Database) -> None:
    async with phases_on(profiles, spec_of(), name="another") as other:
        await other.until(Phase.MIGRATING)
        said = only_fallen(await look(profiles, PATIENT), NAME)
        assert "the run of people/another (Migrating)" in said.message
        assert said.healing is Healing.BY_ITSELF
        await other.cancel()
        assert fallen(await look(profiles, PATIENT)) == {}


async def test_a_run_on_a_partition_counts_for_the_whole_table(database: Database) -> None:
    database.execute("""
        CREATE TABLE user_profiles (
            id int PRIMARY KEY, role text,
            previous_role text, seniority_level text, role_migrated_at timestamptz
        ) PARTITION BY RANGE (id);
        CREATE TABLE first_ones PARTITION OF user_profiles FOR VALUES FROM (0) TO (100);
        INSERT INTO user_profiles VALUES (1, 'admin')
    """)
    part = spec_of(target={"table": "first_ones"}, checks={"minimumScore": 0})
    async with phases_on(database, part, name="part") as other:
        await other.until(Phase.BACKING_UP)
        assert "the run of people/part (BackingUp)" in judgement(await look(database), NAME).message


async def test_a_ledger_that_cant_be_read_is_unknown(profiles: Database) -> None:
    with profiles.admin() as admin:
        admin.execute("CREATE SCHEMA roleshift; CREATE TABLE roleshift.migration_run (id int)")
    said = judgement(await look(profiles), NAME)
    assert said.result is CheckResult.UNKNOWN
    assert "roleshift.migration_run can't be read by the run's role: grant it" in said.message


class TestCron:
    """The extension is not installed: tables as it makes them stand in its place."""

    @pytest.fixture
    def scheduled(self, profiles: Database) -> Database:
        with profiles.admin() as admin:
            admin.execute("""
                CREATE SCHEMA cron;
                CREATE TABLE cron.job (
                    jobid bigserial PRIMARY KEY, schedule text NOT NULL, command text NOT NULL,
                    nodename text NOT NULL DEFAULT 'localhost', nodeport int NOT NULL DEFAULT 5432,
                    database text NOT NULL DEFAULT current_database(),
                    username text NOT NULL DEFAULT current_user,
                    active boolean NOT NULL DEFAULT true, jobname text
                );
                ALTER TABLE cron.job ENABLE ROW LEVEL SECURITY;
                CREATE POLICY cron_job_policy ON cron.job USING (username = current_user);
                GRANT SELECT ON cron.job TO public
            """)
        return profiles

    def see_all(self, database: Database) -> None:
        with database.admin() as admin:
            admin.execute(
                "GRANT USAGE ON SCHEMA cron TO public; ALTER TABLE cron.job DISABLE ROW LEVEL SECURITY"
            )

    async def test_active_jobs_of_this_database_are_a_warning(self, scheduled: Database) -> None:
        self.see_all(scheduled)
        assert fallen(await look(scheduled)) == {}
        with scheduled.admin() as admin:
            admin.execute("""
                INSERT INTO cron.job (schedule, command, jobname, active, database) VALUES
                    ('* * * * *', 'UPDATE user_profiles SET note = note', 'touch', true, current_database()),
                    ('0 3 * * *', 'VACUUM', NULL, true, current_database()),
                    ('* * * * *', 'SELECT 1', 'off', false, current_database()),
                    ('* * * * *', 'SELECT 1', 'elsewhere', true, 'postgres')
            """)
        said = only_fallen(await look(scheduled), NAME, CheckResult.WARNING)
        assert "pg_cron has 2 active jobs in this database" in said.message
        assert '"touch" (* * * * *), "job 2" (0 3 * * *)' in said.message

    @pytest.mark.parametrize("granted", ["SELECT 1", "GRANT USAGE ON SCHEMA cron TO public"])
    async def test_jobs_that_are_hidden_are_unknown(self, scheduled: Database, granted: str) -> None:
        with scheduled.admin() as admin:
            admin.execute(granted)
        said = only_fallen(await look(scheduled), NAME, CheckResult.UNKNOWN)
        assert "cron.job can't be read by the run's role" in said.message


@pytest.fixture(scope="module")
def eager() -> Iterator[PostgresServer]:
    """A server of its own, whose autovacuum is eager and slow."""
    settings = {
        "autovacuum_naptime": "1s",
        "autovacuum_vacuum_insert_threshold": "-1",
        "autovacuum_freeze_max_age": "100000",
    }
    with PostgresServer(18, settings) as server:
        yield server


class TestAutovacuum:
    async def test_one_that_gives_way_is_a_remark(self, eager: PostgresServer) -> None:
        database = Database.create(eager)
        create_user_profiles(database, 2000)
        database.execute(SLOW_AUTOVACUUM)
        database.execute("DELETE FROM user_profiles WHERE id > 1000")
        wait_for_autovacuum(database)
        found = await look(database, PATIENT)
        assert "(autovacuum) runs VACUUM, which gives way" in judgement(found, NAME).message
        assert fallen(found) == {}
        database.drop()

    async def test_one_against_wraparound_fails(self, eager: PostgresServer) -> None:
        database = Database.create(eager)
        create_user_profiles(database, 2000)
        database.execute(SLOW_AUTOVACUUM)
        database.execute("ALTER TABLE user_profiles SET (autovacuum_enabled = off)")
        with database.connect() as session:
            session.execute("SET synchronous_commit = off")
            session.execute("""
                DO $$ BEGIN
                    FOR i IN 1..101000 LOOP
                        PERFORM pg_current_xact_id();
                        COMMIT;
                    END LOOP;
                END $$
            """)
        wait_for_autovacuum(database)
        said = judgement(await look(database, PATIENT), NAME)
        assert said.result is CheckResult.FAILED
        assert "(autovacuum) runs VACUUM" in said.message


def wait_for_autovacuum(database: Database) -> None:
    """Wait until an autovacuum is at work on user_profiles."""
    query = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 'user_profiles'::regclass"

    def is_at_work() -> bool:
        with database.admin() as admin:
            found = admin.execute(query).fetchone()
        return found is not None and bool(found[0])

    wait_until(is_at_work, 40, "an autovacuum is at work")
