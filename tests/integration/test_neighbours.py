"""Other runs in a ledger: which one supersedes another, which were copied here, which are forgotten."""

import asyncio

import pytest

from localenv.database import Database
from localenv.postgres import PostgresServer
from roleshift.api import Phase
from roleshift.engine.identity import RunIdentity
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import ledger, neighbours
from roleshift.postgres.neighbours import Forgotten
from roleshift.postgres.session import Session, Timeouts
from support.run_phases import phases_on, session_on, spec_of
from support.standby import StandbyServer
from support.tables import create_user_profiles

LATER = spec_of(mappings=[{"from": "lead", "to": "manager"}], unmappedRoles="Keep")
IDENTITY = RunIdentity("cluster", "people", "seniority", "sha256:spec")
TIMEOUTS = Timeouts(lock_seconds=2)


# Superseding


async def test_the_last_run_that_wrote_to_the_table_supersedes_those_before_it(profiles: Database) -> None:
    async with (
        phases_on(profiles) as first,
        phases_on(profiles, LATER, name="second") as second,
        phases_on(profiles, LATER, name="third") as third,
    ):
        for run in (first, second, third):
            await run.until(Phase.DONE)
            assert await neighbours.newer(run.control, run.run) is None
        for run, newest in ((first, "third"), (second, "third")):
            found = await neighbours.newer(run.control, run.run)
            assert found is not None
            assert (found.namespace, found.name, found.run_id) == ("people", newest, third.run.run_id)
        await third.roll_back()
        found = await neighbours.newer(first.control, first.run)
        assert found is not None
        assert found.name == "second"
        await second.roll_back()
        assert await neighbours.newer(first.control, first.run) is None


async def test_runs_on_other_tables_and_runs_that_wrote_nothing_supersede_nobody(profiles: Database) -> None:
    profiles.execute("CREATE TABLE users (LIKE user_profiles INCLUDING ALL)")
    users = spec_of(target={"table": "users"})
    async with (
        phases_on(profiles) as first,
        phases_on(profiles, users, name="other-table") as other,
        phases_on(profiles, LATER, name="not-written") as unwritten,
    ):
        await first.until(Phase.DONE)
        await other.until(Phase.DONE)
        await unwritten.until(Phase.MIGRATING)
        assert await neighbours.newer(first.control, first.run) is None


async def test_a_run_of_another_cluster_is_called_so_and_a_copied_one_supersedes_nobody(
    profiles: Database,
) -> None:
    async with phases_on(profiles) as first, phases_on(profiles, LATER, name="second") as second:
        await first.until(Phase.DONE)
        await second.until(Phase.DONE)
        profiles.execute("UPDATE roleshift.migration_run SET cluster_uid = 'x' WHERE name = 'second'")
        found = await neighbours.newer(first.control, first.run)
        assert str(found) == "the RoleMigration people/second of another cluster"
        profiles.execute("UPDATE roleshift.migration_run SET database_identity = 'x' WHERE name = 'second'")
        assert await neighbours.newer(first.control, first.run) is None


# Where a run was made


async def test_a_run_is_copied_where_its_database_is_a_copy(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        assert not run.run.copied
    copied = profiles.copy()
    try:
        there = await session_on(copied.uri)
        found = await ledger.find(there, run.run.identity)
        await there.close()
        assert found is not None
        assert found.copied
    finally:
        copied.drop()


async def test_a_standby_that_becomes_the_primary_is_the_same_database() -> None:
    """A failover stalls no run. A base backup that is restored elsewhere can't be told from one."""
    with PostgresServer(18) as server:
        database = Database.create(server)
        create_user_profiles(database, 40)
        async with phases_on(database) as run:
            await run.until(Phase.DONE)
        with StandbyServer(server) as standby:
            standby.wait_until_caught_up()
            server.stop()
            with standby.connect() as connection:
                connection.execute("SELECT pg_promote()")
            promoted = Database(standby, database.name, database.owner, database.password)
            async with phases_on(promoted) as found:
                assert (found.run.run_id, found.run.phase) == (run.run.run_id, Phase.DONE)
                assert not found.run.copied


# Forgetting

_ROW = """
    INSERT INTO roleshift.migration_run (
        run_id, cluster_uid, namespace, name, spec_hash, manifest_hash, attempt, object_uid,
        database_identity,
        phase, reason, active, target_oid
    )
    SELECT gen_random_uuid(), cluster_uid, %s, %s, %s, '', 1, '', coalesce(%s, database_identity),
        'Validating', 'Validating', %s, %s
    FROM roleshift.migration_run WHERE name = 'seniority' LIMIT 1
"""
_FORGOTTEN = """
    SELECT spec_hash, active, forgotten_by FROM roleshift.migration_run
    WHERE forgotten_at IS NOT NULL ORDER BY spec_hash
"""


async def forget(session: Session, *, target_oid: int | None, by: str = "kim") -> Forgotten:
    async with session.transaction(TIMEOUTS):
        return await neighbours.forget_copied(session, IDENTITY, target_oid, by)


async def test_copied_runs_of_a_name_and_on_a_table_are_forgotten_and_no_others(profiles: Database) -> None:
    rows = [
        # namespace, name, spec hash, made elsewhere, active, target
        ("people", "seniority", "same name", "x", False, None),
        ("people", "seniority", "same name, another table", "x", True, 12),
        ("other", "thing", "same table", "x", True, 11),
        ("other", "thing", "same table, ended", "x", False, 11),
        ("other", "thing", "other table", "y", True, 13),
        ("other", "seniority", "other namespace", "x", False, None),
        ("people", "seniority", "made here", None, False, None),
        ("other", "thing", "made here, on another table", None, True, 14),
    ]
    async with phases_on(profiles) as run:
        for row in rows:
            profiles.execute(_ROW, row)
        found = await forget(run.control, target_oid=11)
        assert sorted(found.runs) == ["other/thing", "people/seniority", "people/seniority"]
        assert found.images == ()
        assert profiles.query(_FORGOTTEN) == [
            ("same name", False, "kim"),
            ("same name, another table", False, "kim"),
            ("same table", False, "kim"),
        ]
        assert (await forget(run.control, target_oid=11)).runs == ()
        await run.reload()
        assert run.run.phase is Phase.CHECKING


async def test_without_a_table_only_the_name_counts(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        profiles.execute(_ROW, ("other", "thing", "on a table", "x", True, 11))
        profiles.execute(_ROW, ("people", "seniority", "of the name", "x", True, 12))
        assert (await forget(run.control, target_oid=None)).runs == ("people/seniority",)


async def test_the_images_of_forgotten_runs_are_dropped(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        name = run.image_name
        profiles.execute("UPDATE roleshift.migration_run SET database_identity = 'x'")
        assert (await forget(run.control, target_oid=None)).images == (name,)
        assert profiles.query("SELECT to_regclass(%s)", [f"roleshift.{name}"]) == [(None,)]
        assert profiles.query("SELECT count(*) FROM roleshift.migration_backup") == [(0,)]
        assert profiles.query("SELECT count(*) > 3 FROM roleshift.migration_execution_log") == [(True,)]


async def test_an_image_of_somebody_else_keeps_its_run_from_being_forgotten(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        with profiles.admin() as admin:
            admin.execute(f"ALTER TABLE roleshift.{run.image_name} OWNER TO postgres")
            admin.execute("ALTER SCHEMA roleshift OWNER TO postgres")
            admin.execute(f"GRANT USAGE, CREATE ON SCHEMA roleshift TO {profiles.owner}")
        profiles.execute("UPDATE roleshift.migration_run SET database_identity = 'x'")
        with pytest.raises(DatabaseError) as refused:
            await forget(run.control, target_oid=None)
        assert refused.value.reason is Reason.PERMISSION_DENIED
        assert run.image_name in refused.value.message
        assert profiles.query(_FORGOTTEN) == []


async def test_a_new_run_counts_forgotten_attempts_and_is_inserted_once(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        identity = run.run.identity
        profiles.execute("UPDATE roleshift.migration_run SET database_identity = 'x', attempt = 3")
        async with run.control.transaction(TIMEOUTS):
            await neighbours.forget_copied(run.control, identity, None, "kim")
        assert await ledger.find(run.control, identity) is None
    async with phases_on(profiles) as first, phases_on(profiles) as second:
        assert first.run.attempt == 4
        assert second.run.run_id == first.run.run_id


async def test_the_same_run_is_forgotten_once_however_many_ask(profiles: Database) -> None:
    async with phases_on(profiles) as run, phases_on(profiles, name="other") as other:
        profiles.execute(
            "UPDATE roleshift.migration_run SET database_identity = 'x' WHERE name = 'seniority'"
        )
        found = await asyncio.gather(
            forget(run.control, target_oid=None, by="kim"), forget(other.control, target_oid=None, by="lee")
        )
        assert sorted(len(one.runs) for one in found) == [0, 1]
