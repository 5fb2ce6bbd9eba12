"""Weeks after Done the table is another one: columns gone, retyped or new, roles gone from their type."""

import pytest

from localenv.database import Database
from roleshift.api import Phase, RollbackResult
from roleshift.engine.outcome import Advance, Fail
from roleshift.errors import Reason
from roleshift.phases import rolling_back
from support.run_phases import PhaseRun, phases_on, spec_of

OLD = "SELECT id, role::text FROM user_profiles ORDER BY id"
MEMBERS = """
    CREATE TABLE members (person int, role text, note text DEFAULT '', PRIMARY KEY (person, role));
    INSERT INTO members (person, role) VALUES (1, 'a'), (1, 'b'), (2, 'b'), (3, 'a');
"""
NO_BOOKKEEPING = {"previousRole": "", "seniority": "", "migratedAt": ""}


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def comes_back(run: PhaseRun) -> str:
    assert isinstance(await run.roll_back(), Advance)
    assert run.run.rollback is not None
    assert run.run.rollback.result is RollbackResult.COMPLETE
    return run.run.log[-1].message


async def is_refused(run: PhaseRun, reason: Reason) -> str:
    outcome = await run.roll_back()
    assert isinstance(outcome, Fail), outcome
    assert outcome.reason is Reason.ROLLBACK_FAILED
    assert outcome.message.startswith(f"{reason}: ")
    return outcome.message


@pytest.mark.parametrize("column", ["previous_role", "seniority_level", "role_migrated_at"])
async def test_a_bookkeeping_column_that_is_gone_is_done_without(profiles: Database, column: str) -> None:
    before = profiles.query(OLD)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute(f"ALTER TABLE user_profiles DROP COLUMN {column}")
        assert f"without {column}, which the table has no more" in await comes_back(run)
    assert profiles.query(OLD) == before


@pytest.mark.parametrize("column", ["id", "role"])
async def test_a_key_or_role_column_that_is_gone_is_named_and_the_rest_works_once_it_is_back(
    profiles: Database, column: str
) -> None:
    before = profiles.query(OLD)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute(f"ALTER TABLE user_profiles RENAME COLUMN {column} TO other")
        message = await is_refused(run, Reason.COLUMN_NOT_FOUND)
        assert f"public.user_profiles has no column {column} any more" in message
        profiles.execute(f"ALTER TABLE user_profiles RENAME COLUMN other TO {column}")
        assert isinstance(await rolling_back.run(run.context), Advance)
    assert profiles.query(OLD) == before


async def test_a_role_column_of_another_type_gets_the_old_roles(profiles: Database) -> None:
    before = profiles.query(OLD)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("ALTER TABLE user_profiles ALTER COLUMN role TYPE text USING role::text")
        await comes_back(run)
    assert profiles.query(OLD) == before
    assert profiles.query("SELECT pg_typeof(role)::text FROM user_profiles LIMIT 1") == [("text",)]


async def test_a_role_that_is_gone_from_its_type_is_named_with_the_statement_that_brings_it_back(
    profiles: Database,
) -> None:
    before = profiles.query(OLD)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("""
            CREATE TYPE new_role AS ENUM ('developer', 'lead', 'admin', 'senior_dev');
            ALTER TABLE user_profiles ALTER COLUMN previous_role TYPE text USING previous_role::text;
            ALTER TABLE user_profiles ALTER COLUMN role TYPE new_role USING role::text::new_role;
        """)
        message = await is_refused(run, Reason.ROLE_NOT_IN_TYPE)
        assert (
            "ALTER TYPE new_role ADD VALUE 'junior_dev'; ALTER TYPE new_role ADD VALUE 'manager'" in message
        )
        assert "senior_dev" not in message.split("put them back")[1]
        profiles.execute("ALTER TYPE new_role ADD VALUE 'junior_dev'")
        profiles.execute("ALTER TYPE new_role ADD VALUE 'manager'")
        assert isinstance(await rolling_back.run(run.context), Advance)
    assert profiles.query(OLD) == before


async def test_a_role_that_a_constraint_refuses_now_says_so_and_changes_nothing(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        after = profiles.query(OLD)
        profiles.execute("ALTER TABLE user_profiles ADD CONSTRAINT only_new CHECK (role <> 'junior_dev')")
        assert "only_new" in await is_refused(run, Reason.CONSTRAINT_VIOLATED)
    assert profiles.query(OLD) == after


async def test_columns_that_came_later_keep_their_values_in_rows_that_are_taken_out_and_put_back(
    database: Database,
) -> None:
    database.execute(MEMBERS)
    mappings = [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]
    spec = spec_of(
        target={"table": "members", "columns": NO_BOOKKEEPING}, mappings=mappings, checks={"minimumScore": 0}
    )
    async with phases_on(database, spec) as run:
        await run.until(Phase.DONE)
        database.execute("ALTER TABLE members ADD COLUMN came_later text")
        database.execute("ALTER TABLE members DROP COLUMN note")
        database.execute("UPDATE members SET came_later = person || role")
        await comes_back(run)
    found = database.query("SELECT person, role, came_later FROM members ORDER BY 1, 2")
    assert found == [(1, "a", "1b"), (1, "b", "1a"), (2, "b", "2a"), (3, "a", "3b")]


async def test_rows_that_merge_removed_come_back_into_a_table_that_has_lost_a_column(
    database: Database,
) -> None:
    database.execute(MEMBERS)
    spec = spec_of(
        target={"table": "members", "columns": NO_BOOKKEEPING, "onDuplicate": "Merge"},
        mappings=[{"from": "a", "to": "b"}],
        unmappedRoles="Keep",
        checks={"minimumScore": 0},
    )
    async with phases_on(database, spec) as run:
        await run.until(Phase.DONE)
        database.execute("ALTER TABLE members DROP COLUMN note")
        database.execute("ALTER TABLE members ADD COLUMN came_later int DEFAULT 7")
        await comes_back(run)
    found = database.query("SELECT person, role, came_later FROM members ORDER BY 1, 2")
    assert found == [(1, "a", 7), (1, "b", 7), (2, "b", 7), (3, "a", 7)]


async def test_a_table_that_was_made_anew_comes_back_by_value(profiles: Database) -> None:
    before = profiles.query(OLD)
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("""
            CREATE TABLE copied (LIKE user_profiles INCLUDING ALL);
            INSERT INTO copied SELECT * FROM user_profiles;
            DROP TABLE user_profiles;
            ALTER TABLE copied RENAME TO user_profiles;
            UPDATE user_profiles SET role = 'admin' WHERE id = 4;
        """)
        assert isinstance(await run.roll_back(), Advance)
        assert run.run.rollback is not None
        assert (run.run.rollback.rows_restored, run.run.rollback.conflicts) == (39, 1)
    assert [row for row in profiles.query(OLD) if row[0] != 4] == [row for row in before if row[0] != 4]


async def test_a_table_that_is_gone_is_named_and_the_backup_kept(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("ALTER TABLE user_profiles RENAME TO hidden")
        message = await is_refused(run, Reason.TABLE_NOT_FOUND)
        assert "user_profiles" in message
        assert "the backup is kept" in message
        profiles.execute("ALTER TABLE hidden RENAME TO user_profiles")
        assert isinstance(await rolling_back.run(run.context), Advance)
