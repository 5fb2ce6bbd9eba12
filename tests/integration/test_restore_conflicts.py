"""What spec.rollback.onConflict does with roles that somebody changed since: Skip, Overwrite, Fail."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase, RoleMigrationSpec, RollbackResult
from roleshift.engine.outcome import Advance, Fail
from roleshift.engine.run import RollbackRecord
from roleshift.errors import Reason
from roleshift.phases import rolling_back
from support.run_phases import PhaseRun, phases_on, spec_of

TABLE = "user_profiles"
LOG = (
    "SELECT kind, row_key, found ->> 'role' FROM roleshift.migration_rollback_log WHERE kind <> 'Result'"
    " ORDER BY id"
)
RESULT = (
    "SELECT on_conflict, rows_restored, conflicts, remaining FROM roleshift.migration_rollback_log"
    " WHERE kind = 'Result' ORDER BY id"
)


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


def when_changed(on_conflict: str, **changes: Any) -> RoleMigrationSpec:
    return spec_of(rollback={"onConflict": on_conflict}, **changes)


async def rolled_back(run: PhaseRun) -> RollbackRecord:
    assert isinstance(await run.roll_back(), Advance)
    assert run.run.rollback is not None
    return run.run.rollback


async def test_skip_leaves_what_others_changed_and_notes_what_it_is(profiles: Database) -> None:
    async with phases_on(profiles, when_changed("Skip")) as run:
        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET role = 'admin' WHERE id IN (4, 8)")
        record = await rolled_back(run)
    assert (record.result, record.rows_restored, record.conflicts, record.remaining) == (
        RollbackResult.PARTIAL,
        38,
        2,
        2,
    )
    assert profiles.query("SELECT role::text FROM user_profiles WHERE id IN (4, 8)") == [
        ("admin",),
        ("admin",),
    ]
    assert profiles.query(LOG) == [("Conflict", [4], "admin"), ("Conflict", [8], "admin")]
    assert profiles.query(RESULT) == [("Skip", 38, 2, 2)]


async def test_overwrite_brings_every_row_back_and_keeps_what_others_had_made_of_it(
    profiles: Database,
) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, when_changed("Overwrite")) as run:
        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET role = 'admin', previous_role = NULL WHERE id IN (4, 8)")
        record = await rolled_back(run)
        assert "2 of them were changed after the migration and overwritten" in run.run.message
    assert (record.result, record.rows_restored, record.conflicts, record.remaining) == (
        RollbackResult.COMPLETE,
        40,
        2,
        0,
    )
    assert set(record.examples) == {"[4]", "[8]"}
    assert profiles.row_set_hash(TABLE) == before
    assert profiles.query(LOG) == [("Overwritten", [4], "admin"), ("Overwritten", [8], "admin")]
    assert profiles.query(RESULT) == [("Overwrite", 40, 2, 0)]


async def test_overwrite_takes_nobody_elses_place(database: Database) -> None:
    database.execute("""
        CREATE TABLE members (id int PRIMARY KEY, person int, role text, UNIQUE (person, role));
        INSERT INTO members VALUES (1, 1, 'a'), (2, 2, 'a');
    """)
    none = {"previousRole": "", "seniority": "", "migratedAt": ""}
    spec = RoleMigrationSpec.model_validate(
        {
            "connection": {"secretRef": {"name": "s", "key": "uri"}},
            "target": {"table": "members", "columns": none},
            "mappings": [{"from": "a", "to": "b"}],
            "unmappedRoles": "Keep",
            "checks": {"minimumScore": 0},
            "rollback": {"onConflict": "Overwrite"},
        }
    )
    async with phases_on(database, spec) as run:
        await run.until(Phase.DONE)
        database.execute("UPDATE members SET role = 'c' WHERE id IN (1, 2)")
        database.execute("INSERT INTO members VALUES (3, 1, 'a')")
        record = await rolled_back(run)
    assert (record.result, record.rows_restored, record.remaining) == (RollbackResult.PARTIAL, 1, 1)
    assert database.query("SELECT id, role FROM members ORDER BY id") == [(1, "c"), (2, "a"), (3, "a")]


async def test_fail_restores_nothing_and_names_what_is_in_the_way(profiles: Database) -> None:
    async with phases_on(profiles, when_changed("Fail")) as run:
        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET role = 'admin' WHERE id IN (4, 8)")
        after = profiles.row_set_hash(TABLE)
        outcome = await run.roll_back()
        assert isinstance(outcome, Fail)
        assert outcome.reason is Reason.ROLLBACK_FAILED
        assert "RolesChangedSince: 2 rows were changed after the migration" in outcome.message
        assert "[4], [8] are among them" in outcome.message
        assert "set spec.rollback.onConflict to Skip or Overwrite" in outcome.message
        assert "retryRequestedAt" in outcome.message
        record = run.run.rollback
        assert record is not None
        assert (record.result, record.conflicts, record.examples) == (None, 2, ("[4]", "[8]"))
        assert run.run.active
    assert profiles.row_set_hash(TABLE) == after
    assert profiles.query(LOG) == [("Conflict", [4], "admin"), ("Conflict", [8], "admin")]
    assert profiles.query(RESULT) == [("Fail", 0, 2, 40)]


async def test_after_fail_a_person_decides_and_the_same_run_comes_back(profiles: Database) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, when_changed("Fail")) as run:
        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET role = 'admin' WHERE id IN (4, 8)")
        assert isinstance(await run.roll_back(), Fail)
        run.spec = when_changed("Overwrite")
        profiles.execute("UPDATE user_profiles SET role = 'developer' WHERE id = 4")
        assert isinstance(await rolling_back.run(run.context), Advance)
    assert profiles.row_set_hash(TABLE) == before
    assert profiles.query(RESULT) == [("Fail", 0, 2, 40), ("Overwrite", 40, 1, 0)]


async def test_fail_with_nothing_changed_comes_back(profiles: Database) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, when_changed("Fail")) as run:
        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET note = 'logged in' WHERE id < 9")
        assert (await rolled_back(run)).result is RollbackResult.COMPLETE
    profiles.execute("UPDATE user_profiles SET note = '' WHERE note = 'logged in'")
    assert profiles.query("SELECT count(*) FROM user_profiles WHERE previous_role IS NOT NULL") == [(0,)]
    assert before


@pytest.mark.parametrize("on_conflict", ["Skip", "Overwrite", "Fail"])
async def test_a_table_that_nobody_touched_comes_back_in_one_pass(
    profiles: Database, on_conflict: str
) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, when_changed(on_conflict)) as run:
        await run.until(Phase.DONE)
        record = await rolled_back(run)
    assert (record.rows_restored, record.conflicts, record.remaining) == (40, 0, 0)
    assert profiles.row_set_hash(TABLE) == before
