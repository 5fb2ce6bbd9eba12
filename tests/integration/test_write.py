"""The write: what changed since the image is taken in, what no longer fits the plan is planned again."""

from functools import partial

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Extent, Fail, Replan, Undo, Wait
from roleshift.errors import Reason
from roleshift.phases import migrating
from roleshift.postgres import ranges, restore, write
from support.run_phases import PhaseRun, phases_on, spec_of
from support.sabotage import before_each_update
from support.tables import create_user_profiles

TABLE = "user_profiles"


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def comes_back_as(run: PhaseRun, database: Database, expected_hash: str) -> None:
    """The run is done, then rolled back, and every row is as it was just before the write."""
    await run.until(Phase.DONE)
    assert database.row_set_hash(TABLE) != expected_hash
    assert isinstance(await run.roll_back(), Advance)
    assert run.run.rollback is not None
    assert run.run.rollback.remaining == 0
    assert database.row_set_hash(TABLE) == expected_hash


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        ("UPDATE user_profiles SET note = 'logged in', seniority_level = 'old' WHERE id < 9", 40),
        ("UPDATE user_profiles SET role = 'senior_dev', previous_role = 'admin' WHERE id = 4", 40),
        ("INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'manager')", 41),
        ("DELETE FROM user_profiles WHERE id IN (4, 8)", 38),
        ("UPDATE user_profiles SET id = 400 WHERE id = 4", 40),
        ("UPDATE user_profiles SET role = 'lead' WHERE id = 4", 39),
        ("INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'lead')", 40),
        ("VACUUM FULL user_profiles", 40),
    ],
    ids=[
        "values changed",
        "role changed",
        "a row inserted",
        "rows deleted",
        "a key changed",
        "a row took a new role by itself",
        "a row was born with a new role",
        "the table was rewritten",
    ],
)
async def test_what_changed_between_image_and_write_comes_back_as_it_was_then(
    profiles: Database, change: str, rows: int
) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.MIGRATING)
        profiles.execute(change)
        before = profiles.row_set_hash(TABLE)
        await run.until(Phase.VALIDATING)
        assert run.run.write is not None
        assert run.run.image is not None
        assert (run.run.write.rows, run.run.image.rows) == (rows, rows)
        await comes_back_as(run, profiles, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'guest')",
            "no mapping names: guest",
        ),
        ("INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'rare')", "rare → lead"),
        ("INSERT INTO user_profiles (id, email) VALUES (99, 'new')", "1 rows appeared without a role"),
    ],
    ids=["an unmapped role", "a mapped role that nobody held", "a NULL"],
)
@pytest.mark.parametrize("phase", [Phase.BACKING_UP, Phase.MIGRATING])
async def test_a_role_that_is_new_since_the_plan_sends_the_run_back_to_checking(
    profiles: Database, phase: Phase, change: str, message: str
) -> None:
    profiles.execute(
        "ALTER TABLE user_profiles ALTER role DROP NOT NULL;"
        "ALTER TYPE user_role ADD VALUE 'guest'; ALTER TYPE user_role ADD VALUE 'rare'"
    )
    rare = [*spec_of().model_dump(by_alias=True)["mappings"], {"from": "rare", "to": "lead"}]
    async with phases_on(profiles, spec_of(mappings=rare, checks={"minimumScore": 0})) as run:
        await run.until(phase)
        profiles.execute(change)
        before = profiles.row_set_hash(TABLE)
        outcome = await (run.back_up() if phase is Phase.BACKING_UP else run.migrate())
        assert isinstance(outcome, Replan), outcome
        assert message in outcome.message
        assert run.run.phase is Phase.CHECKING
        assert run.run.write is None
        assert profiles.row_set_hash(TABLE) == before


async def test_a_new_plan_is_carried_out_with_the_image_that_is_there(profiles: Database) -> None:
    mappings = [{"from": "admin", "to": "lead"}, {"from": "developer", "to": "admin"}]
    spec = spec_of(mappings=mappings, unmappedRoles="Keep", checks={"minimumScore": 0})
    async with phases_on(profiles, spec) as run:
        await run.until(Phase.MIGRATING)
        profiles.execute("UPDATE user_profiles SET role = 'developer' WHERE id = 4")
        assert isinstance(await run.migrate(), Replan)
        before = profiles.row_set_hash(TABLE)
        await comes_back_as(run, profiles, before)
        assert run.run.plan is not None
        assert run.run.plan.proof.rows == 11


async def test_counts_may_change_without_a_new_plan(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.BACKING_UP)
        profiles.execute("UPDATE user_profiles SET role = 'manager' WHERE role <> 'admin' AND id > 4")
        before = profiles.row_set_hash(TABLE)
        await comes_back_as(run, profiles, before)


async def test_a_swallowed_row_is_blamed_on_the_triggers_by_name(profiles: Database) -> None:
    async with phases_on(profiles, spec_of(checks={"minimumScore": 0})) as run:
        await run.until(Phase.CHECKING)
        before_each_update(profiles, "IF OLD.id = 4 THEN RETURN NULL; END IF;")
        before = profiles.row_set_hash(TABLE)
        await run.until(Phase.MIGRATING)
        outcome = await run.migrate()
        assert isinstance(outcome, Undo)
        assert (outcome.reason, outcome.extent) == (Reason.ROWS_SWALLOWED, Extent.UNCOMMITTED)
        assert "39 of 40 rows were written (triggers that may have swallowed rows: meddle)" in outcome.message
        assert profiles.row_set_hash(TABLE) == before


async def test_triggers_that_do_their_own_work_are_no_hindrance(profiles: Database) -> None:
    profiles.execute("ALTER TABLE user_profiles ADD updated_at timestamptz")
    before_each_update(profiles, "NEW.updated_at = clock_timestamp();")
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        columns = ["id", "role", "previous_role", "seniority_level", "role_migrated_at", "note"]
        assert isinstance(await run.roll_back(), Advance)
        assert len(set(profiles.query(f"SELECT {', '.join(columns)} FROM user_profiles"))) == 40


@pytest.mark.parametrize(
    "held",
    ["LOCK user_profiles IN ROW EXCLUSIVE MODE", "SELECT FROM user_profiles WHERE id = 4 FOR UPDATE"],
)
async def test_a_lock_of_another_session_makes_the_write_wait(profiles: Database, held: str) -> None:
    async with phases_on(profiles, spec_of(strategy={"lockTimeoutSeconds": 1})) as run:
        await run.until(Phase.MIGRATING)
        before = profiles.row_set_hash(TABLE)
        with profiles.connect() as other, other.transaction(force_rollback=True):
            other.execute(held)
            outcome = await run.migrate()
        assert isinstance(outcome, Wait), outcome
        assert outcome.reason is Reason.LOCK_TIMEOUT
        assert run.run.phase is Phase.MIGRATING
        assert run.run.attempts == 0
        assert profiles.row_set_hash(TABLE) == before
        await run.until(Phase.DONE)


async def test_a_write_that_takes_too_long_fails_with_the_field_to_raise(profiles: Database) -> None:
    before_each_update(profiles, "PERFORM pg_sleep(0.2);")
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, spec_of(strategy={"statementTimeoutSeconds": 1})) as run:
        await run.until(Phase.MIGRATING)
        outcome = await run.migrate()
        assert isinstance(outcome, Fail), outcome
        assert outcome.reason is Reason.STATEMENT_TIMEOUT
        assert "spec.strategy.statementTimeoutSeconds" in outcome.message
    assert profiles.row_set_hash(TABLE) == before


async def test_a_large_table_is_written_range_by_range(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (write, restore):
        monkeypatch.setattr(module, "block_ranges", partial(ranges.block_ranges, size=128))
    create_user_profiles(database, 40_000)
    before = database.row_set_hash(TABLE)
    async with phases_on(database) as run:
        await run.until(Phase.VALIDATING)
        done = [rows for rows, total in run.progress if total == 40_000]
        assert len(done) > 2
        assert done == sorted(done)
        assert done[-1] == 40_000
        await comes_back_as(run, database, before)


async def test_a_second_write_does_nothing(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.VALIDATING)
        after = profiles.row_set_hash(TABLE)
        assert isinstance(await migrating.run(run.context), Advance)
        assert profiles.row_set_hash(TABLE) == after


async def test_cancelling_before_the_write_drops_the_image(profiles: Database) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        await run.until(Phase.MIGRATING)
        image = run.image_name
        outcome = await run.cancel()
        assert outcome == Undo(
            Reason.ROLLED_BACK_ON_REQUEST, "nothing had been written to the table", Extent.UNCOMMITTED
        )
        assert run.run.phase is Phase.ROLLED_BACK
        assert run.run.image is None
    assert profiles.query("SELECT to_regclass(%s)", [f"roleshift.{image}"]) == [(None,)]
    assert profiles.row_set_hash(TABLE) == before


async def test_a_table_that_took_the_place_of_the_one_that_was_checked_is_planned_anew(
    profiles: Database,
) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.MIGRATING)
        checked = run.run.target_oid
        profiles.execute(
            "ALTER TABLE user_profiles RENAME TO old_profiles;"
            "CREATE TABLE user_profiles (LIKE old_profiles INCLUDING ALL);"
            "INSERT INTO user_profiles SELECT * FROM old_profiles WHERE id <= 20"
        )
        before = profiles.row_set_hash(TABLE)
        outcome = await run.migrate()
        assert isinstance(outcome, Replan), outcome
        assert "is another table than the one that was checked" in outcome.message
        assert profiles.row_set_hash(TABLE) == before
        await run.until(Phase.MIGRATING)
        assert run.run.target_oid != checked
        await comes_back_as(run, profiles, before)
