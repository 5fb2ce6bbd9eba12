"""A rollback restores by row and by value: what people changed since is kept, counted and named."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase, RollbackResult
from roleshift.engine.outcome import Advance
from roleshift.engine.run import RollbackRecord
from roleshift.errors import Reason
from support.run_phases import PhaseRun, phases_on, spec_of

TABLE = "user_profiles"
WRITTEN = ["id", "role", "previous_role", "seniority_level", "role_migrated_at"]


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def rolled_back(run: PhaseRun) -> RollbackRecord:
    """Roll back; what came of it."""
    assert isinstance(await run.roll_back(), Advance)
    assert run.run.phase is Phase.ROLLED_BACK
    assert not run.run.active
    assert run.run.rollback is not None
    return run.run.rollback


def role_of(database: Database, row: int) -> Any:
    return database.query("SELECT role::text FROM user_profiles WHERE id = %s", [row])[0][0]


async def test_nothing_changed_since_everything_comes_back(profiles: Database) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        record = await rolled_back(run)
        assert (record.result, record.rows_restored) == (RollbackResult.COMPLETE, 40)
        assert run.run.reason is Reason.ROLLED_BACK_ON_REQUEST
        assert run.run.message == "40 rows restored and compared with the image"
    assert profiles.row_set_hash(TABLE) == before


async def test_what_else_changed_in_a_row_is_kept(profiles: Database) -> None:
    before = profiles.row_set_hash(TABLE, WRITTEN)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET note = 'logged in', email = 'new' || id")
        assert (await rolled_back(run)).result is RollbackResult.COMPLETE
    assert profiles.row_set_hash(TABLE, WRITTEN) == before
    assert profiles.query("SELECT DISTINCT note FROM user_profiles") == [("logged in",)]


@pytest.mark.parametrize(
    "change",
    [
        "role = 'admin'",
        "previous_role = NULL",
        "seniority_level = 'chief'",
        "role_migrated_at = now() + interval '1 s'",
    ],
)
async def test_a_row_that_somebody_changed_since_is_a_conflict_and_is_left(
    profiles: Database, change: str
) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute(f"UPDATE user_profiles SET {change} WHERE id IN (4, 8)")
        left = profiles.query("SELECT * FROM user_profiles WHERE id IN (4, 8) ORDER BY id")
        record = await rolled_back(run)
        assert (record.result, record.rows_restored) == (RollbackResult.PARTIAL, 38)
        assert (record.conflicts, record.remaining) == (2, 2)
        assert set(record.examples) == {"[4]", "[8]"}
        assert run.run.reason is Reason.ROLLED_BACK_WITH_CONFLICTS
        assert "roleshift.migration_rollback_log names them" in run.run.message
    assert profiles.query("SELECT * FROM user_profiles WHERE id IN (4, 8) ORDER BY id") == left
    keys = "SELECT row_key FROM roleshift.migration_rollback_log WHERE kind = 'Conflict' ORDER BY 1"
    assert profiles.query(keys) == [([4],), ([8],)]
    profiles.execute(
        "UPDATE user_profiles SET role = 'junior_dev', previous_role = NULL, seniority_level = NULL,"
        " role_migrated_at = NULL WHERE id IN (4, 8)"
    )
    assert profiles.row_set_hash(TABLE) == before


async def test_at_most_five_conflicts_are_examples_and_all_are_in_the_log(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET role = 'senior_dev' WHERE id > 20")
        record = await rolled_back(run)
        assert (record.conflicts, len(record.examples)) == (20, 5)
    logged = "SELECT count(*) FROM roleshift.migration_rollback_log WHERE kind = 'Conflict'"
    assert profiles.query(logged) == [(20,)]


async def test_a_role_that_was_changed_away_and_back_is_restored(profiles: Database) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET role = 'admin' WHERE role = 'developer'")
        profiles.execute(
            "UPDATE user_profiles SET role = 'developer' WHERE previous_role <> 'admin' AND role = 'admin'"
        )
        assert (await rolled_back(run)).result is RollbackResult.COMPLETE
    assert profiles.row_set_hash(TABLE) == before


async def test_a_row_that_a_person_restored_by_hand_is_no_conflict(profiles: Database) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute(
            "UPDATE user_profiles SET role = previous_role, previous_role = NULL, seniority_level = NULL,"
            " role_migrated_at = NULL WHERE id <= 10"
        )
        record = await rolled_back(run)
        assert (record.result, record.rows_restored) == (RollbackResult.COMPLETE, 30)
    assert profiles.row_set_hash(TABLE) == before


async def test_rows_that_were_deleted_since_stay_deleted_and_are_counted(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("DELETE FROM user_profiles WHERE id <= 5")
        record = await rolled_back(run)
        assert (record.result, record.rows_restored) == (RollbackResult.COMPLETE, 35)
        assert any("5 deleted by others since" in entry.message for entry in run.run.log)
    assert profiles.query("SELECT min(id), count(*) FROM user_profiles") == [(6, 35)]


async def test_a_row_born_since_goes_back_where_only_one_old_role_is_possible(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'lead')")
        record = await rolled_back(run)
        assert (record.result, record.rows_restored) == (RollbackResult.COMPLETE, 41)
    assert role_of(profiles, 99) == "manager"


async def test_a_row_born_since_that_could_have_had_two_old_roles_is_left(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'developer')")
        record = await rolled_back(run)
        assert (record.result, record.conflicts, record.remaining) == (RollbackResult.PARTIAL, 0, 1)
        assert run.run.reason is Reason.ROLLED_BACK_WITH_CONFLICTS
    assert role_of(profiles, 99) == "developer"


async def test_rows_that_held_a_new_role_before_the_run_keep_it(profiles: Database) -> None:
    profiles.execute("UPDATE user_profiles SET role = 'lead' WHERE id = 2")
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'lead')")
        assert (await rolled_back(run)).result is RollbackResult.COMPLETE
    assert role_of(profiles, 99) == "lead"
    profiles.execute("DELETE FROM user_profiles WHERE id = 99")
    assert profiles.row_set_hash(TABLE) == before


async def test_rows_of_roles_that_stay_are_nobodys_business(profiles: Database) -> None:
    mappings = [{"from": "junior_dev", "to": "developer"}]
    async with phases_on(profiles, spec_of(mappings=mappings, unmappedRoles="Keep")) as run:
        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET role = 'admin' WHERE id = 1")
        profiles.execute("INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'admin')")
        assert (await rolled_back(run)).result is RollbackResult.COMPLETE
    assert (role_of(profiles, 1), role_of(profiles, 99)) == ("admin", "admin")


async def test_who_asked_and_what_came_of_it_is_in_the_rollback_log(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        await run.latch_rollback("kim", "wrong teams")
        await rolled_back(run)
    logged = "SELECT requested_by, rows_restored, conflicts, remaining, message FROM {} WHERE kind = 'Result'"
    assert profiles.query(logged.format("roleshift.migration_rollback_log")) == [
        ("kim", 40, 0, 0, "40 rows restored, 0 left, 0 deleted by others since")
    ]
