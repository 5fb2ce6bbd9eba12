"""A rollback that is interrupted goes on; one that can't be sound is refused, and keeps the backup."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase, RollbackResult
from roleshift.engine.outcome import Advance, Extent, Fail, Retry, Undo, Wait
from roleshift.errors import DatabaseError, Reason
from roleshift.phases import rolling_back
from roleshift.postgres import ledger
from support.run_phases import PhaseRun, phases_on, spec_of
from support.sabotage import at_commit, before_each_update

TABLE = "user_profiles"


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def is_refused(run: PhaseRun, database: Database) -> str:
    """The rollback fails for good: the table stays migrated, the image and its entry are kept."""
    after = database.row_set_hash(TABLE)
    outcome = await run.roll_back()
    assert isinstance(outcome, Fail), outcome
    assert outcome.reason is Reason.ROLLBACK_FAILED
    assert run.run.phase is Phase.FAILED
    assert run.run.active, "no other run may begin on a table that is half way"
    assert run.run.image is not None
    assert database.row_set_hash(TABLE) == after
    assert "the backup is kept" in outcome.message
    return outcome.message


@pytest.mark.parametrize(
    ("tampering", "message"),
    [
        ("UPDATE roleshift.{image} SET role = 'admin' WHERE key_1 = 4", "recorded were 40 rows"),
        ("DELETE FROM roleshift.{image} WHERE key_1 = 4", "has 39 rows"),
        ("INSERT INTO roleshift.{image} SELECT * FROM roleshift.{image} LIMIT 1", "has 41 rows"),
        ("TRUNCATE roleshift.{image}", "has 0 rows"),
        ("DROP TABLE roleshift.{image}", "is gone or altered"),
        ("ALTER TABLE roleshift.{image} RENAME COLUMN role TO old_role", "is gone or altered"),
        ("ALTER TABLE roleshift.{image} DROP COLUMN previous_role", "is gone or altered"),
    ],
    ids=lambda value: value.split(" roleshift")[0] if "{image}" in value else "",
)
async def test_a_damaged_image_is_refused(profiles: Database, tampering: str, message: str) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute(tampering.format(image=run.image_name))
        said = await is_refused(run, profiles)
        assert message in said
        assert f"roleshift.{run.image_name}" in said


async def test_an_image_that_is_sound_again_is_restored_from(profiles: Database) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute(f"ALTER TABLE roleshift.{run.image_name} RENAME TO hidden")
        await is_refused(run, profiles)
        profiles.execute(f"ALTER TABLE roleshift.hidden RENAME TO {run.image_name}")
        assert isinstance(await rolling_back.run(run.context), Advance)
    assert profiles.row_set_hash(TABLE) == before


async def test_a_trigger_that_swallows_the_restore_is_found(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        before_each_update(profiles, "IF OLD.id = 4 THEN RETURN NULL; END IF;")
        message = await is_refused(run, profiles)
        assert "1 rows are not as in the image after the restore" in message
        assert "look for triggers" in message


async def test_a_deferred_trigger_that_spoils_the_restore_is_found(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        at_commit(profiles, "UPDATE user_profiles SET role = 'lead' WHERE id = 8;", of_row=4)
        assert "1 rows are not as in the image" in await is_refused(run, profiles)


async def test_a_lock_of_another_session_only_makes_it_wait(profiles: Database) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, spec_of(strategy={"lockTimeoutSeconds": 1})) as run:
        await run.until(Phase.DONE)
        with profiles.connect() as other, other.transaction(force_rollback=True):
            other.execute("LOCK user_profiles IN ROW EXCLUSIVE MODE")
            outcome = await run.roll_back()
        assert isinstance(outcome, Wait), outcome
        assert outcome.reason is Reason.LOCK_TIMEOUT
        assert run.run.phase is Phase.ROLLING_BACK
        assert isinstance(await run.roll_back(), Advance)
    assert profiles.row_set_hash(TABLE) == before


async def test_a_session_that_dies_in_mid_restore_changes_nothing_and_the_next_one_finishes(
    profiles: Database,
) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        before_each_update(
            profiles, "IF OLD.id = 30 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
        )
        after = profiles.row_set_hash(TABLE)
        outcome = await run.roll_back()
        assert isinstance(outcome, Retry), outcome
        assert outcome.error.reason is Reason.CONNECTION_LOST
        assert run.run.attempts == 1
        assert profiles.row_set_hash(TABLE) == after
    profiles.execute("DROP TRIGGER meddle ON user_profiles")
    async with phases_on(profiles) as resumed:
        assert resumed.run.phase is Phase.ROLLING_BACK
        assert isinstance(await resumed.roll_back(), Advance)
        assert resumed.run.rollback is not None
        assert resumed.run.rollback.result is RollbackResult.COMPLETE
    assert profiles.row_set_hash(TABLE) == before


async def test_a_restore_that_committed_is_not_done_twice(
    profiles: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        note = ledger.record

        async def lost(*what: Any) -> None:
            await run.control.close()
            await note(*what)

        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET role = 'admin' WHERE id = 4")
        await run.settle(Undo(Reason.ROLLED_BACK_ON_REQUEST, "a person asked", Extent.COMMITTED))
        monkeypatch.setattr(ledger, "record", lost)
        with pytest.raises(DatabaseError):
            await rolling_back.run(run.context)
        monkeypatch.undo()
    profiles.execute(
        "UPDATE user_profiles SET role = 'junior_dev', previous_role = NULL,"
        " seniority_level = NULL, role_migrated_at = NULL WHERE id = 4"
    )
    assert profiles.row_set_hash(TABLE) == before
    async with phases_on(profiles) as resumed:
        assert isinstance(await resumed.roll_back(), Advance)
        assert resumed.run.rollback is not None
        assert resumed.run.rollback.rows_restored == 39
        assert resumed.run.rollback.examples == ("[4]",)
        assert resumed.run.reason is Reason.ROLLED_BACK_WITH_CONFLICTS
    assert profiles.row_set_hash(TABLE) == before
