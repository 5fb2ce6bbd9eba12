"""Mode Rehearse: the whole run and its rollback in a transaction of which nothing stays."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql

from localenv.database import Database
from localenv.wait import wait_until
from roleshift.api import Phase
from roleshift.engine.outcome import Conclude, Fail, Replan, Wait
from roleshift.engine.run import LogOutcome
from roleshift.errors import FencedError, Reason
from roleshift.postgres.session import Timeouts
from support.ledger_rows import LedgerRows
from support.person import dump_without_ledger_rows
from support.run_phases import PhaseRun, phases_on, session_on, spec_of
from support.sabotage import at_commit, before_each_update
from support.tables import USERS

REHEARSE = partial(spec_of, mode="Rehearse")
STEPS = [Phase.BACKING_UP, Phase.MIGRATING, Phase.VALIDATING, Phase.ROLLING_BACK]
ADDED = REHEARSE(target={"table": "users"}, schemaChanges="AddMissing")
_WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


def rehearsed(run: PhaseRun) -> list[Phase]:
    """The phases that the ledger says went well in a rehearsal."""
    return [line.step for line in run.run.log if line.outcome is LogOutcome.REHEARSED]


async def fails(run: PhaseRun, reason: Reason, *says: str) -> None:
    """The rehearsal ends as Failed and says why."""
    outcome = await run.rehearse()
    assert isinstance(outcome, Fail), outcome
    assert outcome.reason is reason
    assert [text for text in ("nothing was changed", *says) if text not in outcome.message.lower()] == []
    assert run.run.phase is Phase.FAILED
    assert run.run.write is None
    assert run.run.image is None


# What goes well


async def test_the_whole_run_is_made_and_nothing_of_it_stays(profiles: Database) -> None:
    async with phases_on(profiles, REHEARSE()) as run:
        before = dump_without_ledger_rows(profiles)
        outcome = await run.rehearse()
        assert isinstance(outcome, Conclude), outcome
        assert (run.run.phase, run.run.reason) == (Phase.DONE, Reason.REHEARSAL_COMPLETED)
        assert dump_without_ledger_rows(profiles) == before
        for said in (
            "rehearsed and rolled back, nothing was changed: 40 rows written, 10 verifications passed",
            "all 40 rows are as before to the last column",
            "the table was locked for",
            "bytes of WAL",
            "not rehearsed: the COMMIT itself",
            "replication",
            "set spec.mode to Apply",
        ):
            assert said in outcome.message


async def test_the_ledger_tells_each_phase_and_what_was_verified(profiles: Database) -> None:
    async with phases_on(profiles, REHEARSE()) as run:
        await run.rehearse()
        assert rehearsed(run) == STEPS
        assert [line.rows for line in run.run.log] == [0, 40, 40, 40, 40]
        assert all(line.ended_at >= line.started_at for line in run.run.log)
        assert run.run.log[-1].message == "rehearsed: 40 rows restored and compared with the image"
        assert {result.verdict for result in run.run.verification} == {"Passed"}
        assert "BackupChecksum" in {result.name for result in run.run.verification}
        assert (run.run.write, run.run.image, run.run.rollback) == (None, None, None)
    assert LedgerRows(profiles).images == 0
    assert profiles.query("SELECT count(*), min(mode) FROM roleshift.migration_run") == [(1, "Rehearse")]


async def test_progress_is_told_forward_and_back(profiles: Database) -> None:
    async with phases_on(profiles, REHEARSE()) as run:
        await run.rehearse()
        assert run.progress[-1] == (40, 40)
        assert run.progress.count((40, 40)) == 2


async def test_columns_that_are_added_are_rehearsed_too_and_go_again(database: Database) -> None:
    database.execute(USERS)
    async with phases_on(database, ADDED) as run:
        before = dump_without_ledger_rows(database)
        assert isinstance(await run.rehearse(), Conclude)
        assert dump_without_ledger_rows(database) == before
        assert "ACCESS EXCLUSIVE" in run.context.plan.lock
        assert "readers too" in run.context.plan.lock


async def test_without_columns_to_add_readers_go_on(profiles: Database) -> None:
    async with phases_on(profiles, REHEARSE()) as run:
        await run.rehearse()
        assert run.context.plan.lock.startswith("SHARE ROW EXCLUSIVE")
        assert "until the rollback" in run.context.plan.lock


async def test_constraints_are_as_deferred_in_the_restore_as_they_would_be(profiles: Database) -> None:
    """Two rows hold a deferred constraint together: only the end of a transaction can be asked for it."""
    profiles.execute("""
        CREATE TABLE teams (id int PRIMARY KEY, head user_role);
        CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM user_profiles WHERE previous_role IS NULL) AND
               EXISTS (SELECT FROM user_profiles WHERE previous_role IS NOT NULL) THEN
                RAISE EXCEPTION 'half of the users' USING ERRCODE = '23514';
            END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER whole AFTER UPDATE ON user_profiles DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION follow();
    """)
    async with phases_on(profiles, REHEARSE()) as run:
        assert isinstance(await run.rehearse(), Conclude)


async def test_other_columns_that_triggers_change_are_told(profiles: Database) -> None:
    before_each_update(profiles, "NEW.note = coalesce(NEW.note, '') || '!';")
    before = profiles.row_set_hash("user_profiles")
    async with phases_on(profiles, REHEARSE(checks={"minimumScore": 0})) as run:
        outcome = await run.rehearse()
        assert isinstance(outcome, Conclude)
        assert "other columns differ from before, which triggers on the table change" in outcome.message
    assert profiles.row_set_hash("user_profiles") == before


# What goes wrong


async def test_a_verification_that_fails_ends_it_with_the_reason_of_a_run(profiles: Database) -> None:
    broken = {"name": "nobody", "query": "SELECT count(*) FROM user_profiles", "expected": "0"}
    before = profiles.row_set_hash("user_profiles")
    async with phases_on(profiles, REHEARSE(validation={"assertions": [broken]})) as run:
        await fails(run, Reason.VALIDATION_FAILED, "assertion/nobody", "expected '0', got '40'")
        assert rehearsed(run) == [Phase.BACKING_UP]
        assert (run.run.log[-1].step, run.run.log[-1].outcome) == (Phase.MIGRATING, LogOutcome.FAILED)
        assert run.failed_verifications == {"Assertion/nobody"}
    assert profiles.row_set_hash("user_profiles") == before


async def test_a_deferred_constraint_that_refuses_ends_it_with_the_reason_of_a_run(
    profiles: Database,
) -> None:
    at_commit(profiles, "RAISE 'not this one' USING ERRCODE = '23514';", of_row=4)
    async with phases_on(profiles, REHEARSE()) as run:
        await fails(run, Reason.CONSTRAINT_VIOLATED)


async def test_a_rollback_that_would_not_bring_every_row_back_is_found(profiles: Database) -> None:
    """A trigger lets no row go back."""
    before_each_update(profiles, "IF NEW.role = 'junior_dev' THEN NEW.role = 'admin'; END IF;")
    async with phases_on(profiles, REHEARSE(checks={"minimumScore": 0})) as run:
        await fails(run, Reason.ROWS_SWALLOWED, "after the restore")
        assert rehearsed(run) == STEPS[:-1]
        assert run.run.log[-1].step is Phase.ROLLING_BACK


async def test_a_new_enum_value_is_never_counted_as_tried(profiles: Database) -> None:
    spec = REHEARSE(
        mappings=[{"from": "junior_dev", "to": "engineer"}], unmappedRoles="Keep", schemaChanges="AddMissing"
    )
    before = dump_without_ledger_rows
    async with phases_on(profiles, spec) as run:
        seen = before(profiles)
        await fails(
            run, Reason.REHEARSAL_INCOMPLETE, "engineer", "roleshift rehearse --clone", "not the image, the "
        )
        assert rehearsed(run) == [Phase.BACKING_UP]
        assert run.run.verification == ()
        assert before(profiles) == seen


# Others


@contextmanager
def holding(database: Database, statement: str) -> Iterator[Any]:
    """Another session in an open transaction."""
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(statement)
        yield other


async def test_a_lock_that_is_held_is_waited_for_as_in_a_run(profiles: Database) -> None:
    spec = REHEARSE(strategy={"lockTimeoutSeconds": 1})
    async with phases_on(profiles, spec) as run:
        await run.open_gate()
        with holding(profiles, "UPDATE user_profiles SET note = '' WHERE id = 1"):
            outcome = await run.rehearse_now()
            assert isinstance(outcome, Wait)
            assert outcome.reason is Reason.LOCK_TIMEOUT
        assert isinstance(await run.rehearse(), Conclude)


async def test_rows_that_changed_since_the_look_send_it_back_to_planning(profiles: Database) -> None:
    async with phases_on(profiles, REHEARSE(unmappedRoles="Fail")) as run:
        await run.open_gate()
        profiles.execute("ALTER TYPE user_role ADD VALUE 'guest'")
        profiles.execute("UPDATE user_profiles SET role = 'guest' WHERE id = 4")
        outcome = await run.rehearse_now()
        assert isinstance(outcome, Replan), outcome
        assert run.run.phase is Phase.CHECKING


async def test_a_rehearsal_that_was_taken_over_writes_nothing(profiles: Database) -> None:
    async with phases_on(profiles, REHEARSE()) as run:
        await run.open_gate()
        profiles.execute("UPDATE roleshift.migration_run SET epoch = epoch + 1")
        with pytest.raises(FencedError):
            await run.rehearse_now()


async def test_writers_wait_and_readers_go_on_while_it_lasts(profiles: Database) -> None:
    gate = "SELECT pg_advisory_lock(4242)"
    before_each_update(profiles, "PERFORM pg_advisory_xact_lock_shared(4242);")
    with profiles.admin() as holder:
        holder.execute(gate)
        async with phases_on(profiles, REHEARSE(checks={"minimumScore": 0})) as run:
            rehearsal = asyncio.create_task(run.rehearse())
            await asyncio.to_thread(
                wait_until, lambda: profiles.query(_WAITING) == [(1,)], 20, "it waits at the gate"
            )
            assert profiles.query("SELECT count(*) FROM user_profiles WHERE role = 'junior_dev'") == [(10,)]
            with profiles.connect() as writer:
                writer.execute("SET lock_timeout = '100ms'")
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    writer.execute("UPDATE user_profiles SET note = 'mine' WHERE id = 1")
            holder.execute("SELECT pg_advisory_unlock(4242)")
            assert isinstance(await rehearsal, Conclude)


async def test_after_each_part_the_limits_of_the_whole_hold_again(database: Database) -> None:
    """Else the long statements of a rehearsal would end by the short limits of a schema change."""
    session = await session_on(database.uri)
    show = sql.SQL("SELECT current_setting('statement_timeout') AS seconds")
    async with session.rehearsal(Timeouts(statement_seconds=600)) as inside:
        assert inside.timeouts.statement_seconds == 600
        async with inside.transaction(Timeouts(statement_seconds=30)):
            assert (await inside.row(show))["seconds"] == "30s"
        assert (await inside.row(show))["seconds"] == "10min"
        await inside.execute(sql.SQL("CREATE TABLE gone (id int)"))
    assert database.query("SELECT to_regclass('gone')") == [(None,)]
    await session.close()
