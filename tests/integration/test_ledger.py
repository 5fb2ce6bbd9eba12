"""The ledger: created once, one active run for each table, nothing by a replaced holder, all of it logged."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from psycopg import sql

from localenv.database import Database
from localenv.wait import wait_until
from roleshift.api import Phase
from roleshift.engine.naming import image_name
from roleshift.engine.outcome import Advance, Fail, Undo
from roleshift.engine.run import LogOutcome
from roleshift.errors import DatabaseError, FencedError, Reason
from roleshift.phases import backing_up, checking, migrating, rolling_back
from roleshift.postgres import fence, ledger, ledger_schema
from roleshift.postgres.session import Timeouts
from support.run_phases import PhaseRun, phases_on, session_on, spec_of
from support.sabotage import before_each_update

TABLE = "user_profiles"


class TestCreation:
    async def test_many_sessions_at_once_create_it_once(self, database: Database) -> None:
        async with AsyncExitStack() as opened:
            sessions = [await session_on(database.uri) for _ in range(6)]
            for session in sessions:
                opened.push_async_callback(session.close)
            await asyncio.gather(*[ledger_schema.ensure(session) for session in sessions])
            assert {await ledger_schema.installed_version(session) for session in sessions} == {
                ledger_schema.VERSION
            }
        assert database.query("SELECT version FROM roleshift.ledger_version ORDER BY 1") == [
            (1,),
            (2,),
            (3,),
            (4,),
            (5,),
        ]

    async def test_a_version_that_is_not_known_is_refused(self, profiles: Database) -> None:
        async with phases_on(profiles):
            pass
        profiles.execute("INSERT INTO roleshift.ledger_version (version) VALUES (6)")
        with pytest.raises(DatabaseError, match="has version 6, this operator knows 5; upgrade") as refused:
            async with phases_on(profiles):
                pass
        assert refused.value.reason is Reason.LEDGER_TOO_NEW
        assert not refused.value.retryable

    async def test_without_the_right_to_create_it_nothing_is_left(self, database: Database) -> None:
        database.server.create_role(f"{database.name}_reader", "reader")
        uri = database.server.uri(database.name, f"{database.name}_reader", "reader", sslmode="disable")
        with pytest.raises(DatabaseError) as refused:
            async with phases_on(database, uri=uri):
                pass
        assert refused.value.reason is Reason.PERMISSION_DENIED
        assert database.query("SELECT to_regnamespace('roleshift')") == [(None,)]

    async def test_a_run_is_inserted_once_however_many_try(self, profiles: Database) -> None:
        async with phases_on(profiles) as first, phases_on(profiles) as second:
            assert first.run.run_id == second.run.run_id
        assert profiles.query("SELECT count(*), max(epoch) FROM roleshift.migration_run") == [(1, 2)]


class TestOneActiveRunForEachTable:
    async def test_a_second_run_waits_until_the_first_has_ended(self, profiles: Database) -> None:
        any_score = spec_of(checks={"minimumScore": 0})
        async with phases_on(profiles) as first, phases_on(profiles, any_score, name="other") as second:
            await first.until(Phase.BACKING_UP)
            with pytest.raises(
                DatabaseError, match=r"another run is active on public\.user_profiles"
            ) as busy:
                await second.check()
            assert (busy.value.reason, busy.value.retryable) == (Reason.ANOTHER_RUN_ACTIVE, True)
            await second.reload()
            assert second.run.phase is Phase.CHECKING
            await first.until(Phase.DONE)
            await first.roll_back()
            await second.until(Phase.DONE)

    async def test_who_is_in_the_way_is_named(self, profiles: Database) -> None:
        async with phases_on(profiles) as first, phases_on(profiles, name="other") as second:
            await checking.run(first.context)
            await first.reload()
            await fence.must_be_alone(first.control, first.run)
            await second.until(Phase.BACKING_UP)
            with pytest.raises(DatabaseError) as busy:
                await fence.must_be_alone(first.control, first.run)
            assert (busy.value.reason, busy.value.retryable) == (Reason.ANOTHER_RUN_ACTIVE, True)
            assert "people/other" in busy.value.message

    async def test_two_tables_are_migrated_side_by_side(self, profiles: Database) -> None:
        profiles.execute("CREATE TABLE users (LIKE user_profiles INCLUDING ALL)")
        profiles.execute("INSERT INTO users SELECT * FROM user_profiles")
        users = spec_of(target={"table": "users"})
        async with phases_on(profiles) as first, phases_on(profiles, users, name="other") as second:
            await asyncio.gather(first.until(Phase.DONE), second.until(Phase.DONE))
            assert first.image_name != second.image_name

    async def test_the_session_lock_is_held_by_one(self, profiles: Database) -> None:
        async with phases_on(profiles) as first, phases_on(profiles, name="other") as second:
            await fence.lock_target(first.control, 4711)
            await fence.lock_target(second.control, 4712)
            with pytest.raises(DatabaseError) as busy:
                await fence.lock_target(second.control, 4711)
            assert (busy.value.reason, busy.value.retryable) == (Reason.ANOTHER_RUN_ACTIVE, True)
            await first.control.close()
            held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"
            wait_until(lambda: profiles.query(held) == [(0,)], 10, "the lock is free")
            await fence.lock_target(second.control, 4711)


class TestFencing:
    async def _replaced(self, led: PhaseRun) -> None:
        """Somebody else raises the epoch, and this run does not know of it."""
        await led.control.rows(
            sql.SQL("UPDATE roleshift.migration_run SET epoch = epoch + 1 RETURNING epoch")
        )

    async def test_a_replaced_holder_moves_nothing(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            await self._replaced(run)
            done = ledger.Move(Phase.DONE, Reason.MIGRATION_COMPLETED, "", active=False, ended=True)
            with pytest.raises(FencedError):
                await ledger.move(run.control, run.run, done)
            with pytest.raises(FencedError):
                await ledger.record(run.control, run.run, ledger.Documents(target_name="x"))
        assert profiles.query("SELECT phase, target_name FROM roleshift.migration_run") == [("Checking", "")]

    @pytest.mark.parametrize("phase", [Phase.BACKING_UP, Phase.MIGRATING, Phase.DONE])
    async def test_a_replaced_holder_writes_nothing(self, profiles: Database, phase: Phase) -> None:
        work = {
            Phase.BACKING_UP: backing_up.run,
            Phase.MIGRATING: migrating.run,
            Phase.DONE: rolling_back.run,
        }
        async with phases_on(profiles) as run:
            await run.until(phase)
            before = profiles.row_set_hash(TABLE)
            images = "SELECT count(*) FROM roleshift.migration_backup"
            count = profiles.query(images)
            await self._replaced(run)
            with pytest.raises(FencedError):
                await work[phase](run.context)
        assert profiles.row_set_hash(TABLE) == before
        assert profiles.query(images) == count

    async def test_a_take_over_waits_for_a_writer_that_is_at_work(self, profiles: Database) -> None:
        async with phases_on(profiles) as run, phases_on(profiles, name="other") as other:
            async with run.work.transaction(Timeouts()):
                await fence.check_epoch(run.work, run.run)
                bump = sql.SQL("UPDATE roleshift.migration_run SET epoch = 9 WHERE run_id = %(id)s")
                with pytest.raises(DatabaseError) as late:
                    async with other.control.transaction(Timeouts(lock_seconds=0.2)):
                        await other.control.execute(bump, {"id": run.run.run_id})
                assert late.value.reason is Reason.LOCK_TIMEOUT
            await other.control.execute(bump, {"id": run.run.run_id})


class TestTheExecutionLog:
    async def test_it_tells_every_step_of_a_run_and_its_rollback(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            await run.until(Phase.DONE)
            await run.roll_back()
        assert profiles.query(
            "SELECT step, outcome, kind, rows FROM roleshift.migration_execution_log ORDER BY id"
        ) == [
            ("Checking", "Succeeded", "", 0),
            ("BackingUp", "Succeeded", "CREATE TABLE AS", 40),
            ("BackingUp", "Measured", "", 0),
            ("Migrating", "Succeeded", "UPDATE", 40),
            ("Migrating", "Committing", "COMMIT", 0),
            ("Migrating", "Measured", "", 0),
            ("Validating", "Succeeded", "", 0),
            ("RollingBack", "Succeeded", "UPDATE", 40),
        ]
        assert profiles.query(
            "SELECT count(*) FROM roleshift.migration_execution_log"
            " WHERE started_at > ended_at OR epoch <> 1 OR message = '' AND outcome <> 'Committing'"
        ) == [(0,)]

    async def test_the_announced_transaction_is_the_one_that_wrote(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            await run.until(Phase.VALIDATING)
            assert run.run.write is not None
            announced = [entry.xid for entry in run.run.log if entry.outcome is LogOutcome.COMMITTING]
            assert announced == [run.run.write.xid]
        status = profiles.query("SELECT pg_xact_status(%s::text::xid8)", [announced[0]])
        assert status == [("committed",)]
        written = profiles.query("SELECT DISTINCT xmin::text::bigint FROM user_profiles")
        assert written == [(announced[0],)]

    async def test_it_tells_of_a_write_that_was_rolled_back(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            await run.until(Phase.MIGRATING)
            before_each_update(profiles, "IF NEW.id = 4 THEN RETURN NULL; END IF;")
            assert isinstance(await run.migrate(), Undo)
            assert [(e.step, e.outcome) for e in run.run.log][-1] == (Phase.MIGRATING, LogOutcome.UNDONE)
            assert "39 of 40 rows were written" in run.run.log[-1].message

    async def test_it_tells_of_a_run_that_failed(self, profiles: Database) -> None:
        async with phases_on(profiles, spec_of(mappings=[{"from": "admin", "to": "lead"}])) as run:
            assert isinstance(await run.check(), Fail)
            assert [(e.step, e.outcome) for e in run.run.log] == [(Phase.CHECKING, LogOutcome.FAILED)]
            assert run.run.completed_at is not None


class TestTheRun:
    async def test_what_is_read_is_what_was_recorded(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            await run.until(Phase.MIGRATING)
            plan = run.run.plan
            assert plan is not None
            written_again = ledger.Documents(plan=plan, findings=run.run.findings)
            before = run.run
            await ledger.record(run.control, run.run, written_again)
            await run.reload()
            assert run.run == before

    async def test_a_request_for_the_old_state_is_latched_once(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            await run.latch_rollback("kim", "wrong teams")
            first = run.run.rollback_requested_at
            await run.latch_rollback("lee", "something else")
            assert first is not None
            assert run.run.rollback_requested_at == first
            assert (run.run.rollback_requested_by, run.run.rollback_reason) == ("kim", "wrong teams")

    async def test_an_approval_is_latched_once_for_each_plan(self, profiles: Database) -> None:
        profiles.execute(f"DELETE FROM {TABLE} WHERE role = 'manager'")
        async with phases_on(profiles) as run:
            await checking.run(run.context)
            await run.reload()
            await run.latch_approval("kim", "read it")
            first = run.run.approval
            assert first is not None
            assert (first.plan, first.plan_hash) == (run.run.plan, run.context.plan.hash)
            assert (first.by, first.reason) == ("kim", "read it")
            await run.latch_approval("lee", "something else")
            assert run.run.approval == first
            profiles.execute(f"INSERT INTO {TABLE} (id, email, role) VALUES (99, 'x', 'manager')")
            await checking.run(run.context)
            await run.reload()
            assert run.run.approval == first
            assert run.context.plan.hash != first.plan_hash
            await run.latch_approval("lee", "")
            assert run.run.approval is not None
            assert (run.run.approval.plan, run.run.approval.by) == (run.run.plan, "lee")

    async def test_a_plan_that_the_run_does_not_have_is_not_approved(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            with pytest.raises(FencedError):
                await ledger.latch_approval(run.control, run.run, "sha256:other", "kim", "")
            await run.reload()
            assert run.run.approval is None

    async def test_the_image_is_in_the_catalogue_with_its_figures(self, profiles: Database) -> None:
        async with phases_on(profiles, spec_of(backup={"retentionSeconds": 3600})) as run:
            await run.until(Phase.MIGRATING)
            image = run.run.image
            assert image is not None
            assert image.name == image_name(TABLE, run.run.run_id)
            assert image.name.startswith("migration_backup_user_profiles_")
            assert (image.rows, image.bytes > 0) == (40, True)
            assert (image.expires_at - image.created_at).total_seconds() == 3600
        columns = profiles.query(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0",
            [f"roleshift.{image.name}"],
        )
        kept = ["key_1", "role", "previous_role", "seniority", "migrated_at"]
        kept += ["to_role", "to_seniority", "row_version"]
        assert [name for (name,) in columns] == kept

    async def test_a_second_image_is_not_made(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            await run.until(Phase.MIGRATING)
            outcome = await backing_up.run(run.context)
            assert outcome == Advance(f"40 rows in roleshift.{run.image_name}, compared with the table")
        assert profiles.query("SELECT count(*) FROM roleshift.migration_backup") == [(1,)]

    async def test_two_long_names_have_two_images(self, database: Database) -> None:
        names = ["x" * 62 + "1", "x" * 62 + "2"]
        for name in names:
            database.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, role text)")
            database.execute(f"INSERT INTO {name} VALUES (1, 'junior_dev')")
        bare = {"previousRole": "", "seniority": "", "migratedAt": ""}
        mappings = [{"from": "junior_dev", "to": "developer"}]
        images = set()
        for number, name in enumerate(names):
            spec = spec_of(target={"table": name, "columns": bare}, mappings=mappings)
            async with phases_on(database, spec, name=f"run-{number}") as run:
                await run.until(Phase.DONE)
                images.add(run.image_name[:-9])
        assert len(images) == 2
        assert all(len(image.encode()) <= 63 for image in images)
