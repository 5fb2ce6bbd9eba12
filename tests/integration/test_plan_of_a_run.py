"""The plan of a run that plans anew: what it has carried out itself is no change, what others did is one."""

import pytest
from psycopg import sql

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine import approval
from roleshift.engine.outcome import Advance, Replan
from roleshift.engine.plan import AddColumn, AddEnumValue
from support.engine_values import manual
from support.run_phases import PhaseRun, phases_on, spec_of

KIND = "CREATE TYPE kind AS ENUM ('a', 'b'); CREATE TABLE users (id int PRIMARY KEY, role kind);"
ROWS = "INSERT INTO users VALUES (1, 'a'), (2, 'b')"
SPEC = spec_of(
    target={"table": "users"},
    mappings=[{"from": "a", "to": "z", "seniority": "low"}, {"from": "b", "to": "y", "seniority": "low"}],
    schemaChanges="AddMissing",
    privileges={"order": ["z", "y", "b", "a"]},
    approval={"policy": "Manual"},
)

ALTERED = "SELECT count(*) FROM roleshift.migration_execution_log WHERE outcome = 'Altered'"
LONG_AGO = sql.SQL(
    "UPDATE roleshift.migration_run SET phase_started_at = now() - interval '1 day' WHERE run_id = %s"
)


@pytest.fixture
def users(database: Database) -> Database:
    database.execute(KIND + ROWS)
    return database


async def approved_and_imaged(run: PhaseRun) -> str:
    """Lead an approved run to where its schema statements and its image are; the plan's hash."""
    await run.until(Phase.BACKING_UP)
    await run.latch_approval("ada", "read it")
    await run.until(Phase.MIGRATING)
    return run.context.plan.hash


async def plan_anew(run: PhaseRun) -> None:
    """Have so much time pass that the run looks at the database again."""
    await run.control.execute(LONG_AGO, [run.run.run_id])
    await run.reload()
    again = await (run.migrate() if run.run.phase is Phase.MIGRATING else run.back_up())
    assert isinstance(again, Replan)
    assert isinstance(await run.check(), Advance)


def waits(run: PhaseRun) -> str:
    """What the run says that waits for approval, "" where it goes on."""
    found = approval.awaited(run.run, manual(), 1.0)
    return found.message if found else ""


async def test_what_the_run_added_itself_still_is_the_plan_that_was_approved(users: Database) -> None:
    async with phases_on(users, SPEC) as run:
        first = await approved_and_imaged(run)
        await plan_anew(run)
        plan = run.context.plan
        assert plan.hash == first
        assert [type(change) for change in plan.schema_changes] == [AddEnumValue] * 2 + [AddColumn] * 3
        assert waits(run) == ""
        with users.connect() as reader:
            reader.execute("BEGIN; SELECT FROM users")
            assert isinstance(await run.back_up(), Advance), "it needs no ACCESS EXCLUSIVE any more"
        await run.until(Phase.DONE)
    assert users.query(ALTERED) == [(5,)]
    assert users.query("SELECT id, role::text FROM users ORDER BY 1") == [(1, "z"), (2, "y")]


async def test_it_is_noted_in_the_transaction_of_each_statement(users: Database) -> None:
    async with phases_on(users, SPEC) as run:
        await approved_and_imaged(run)
        assert run.run.carried_out == run.context.plan.schema_changes
    log = users.query(
        "SELECT kind, message FROM roleshift.migration_execution_log WHERE outcome = 'Altered' ORDER BY id"
    )
    assert log[0] == ("ALTER TYPE", "ALTER TYPE public.kind ADD VALUE IF NOT EXISTS 'z'")
    assert [kind for kind, _ in log] == ["ALTER TYPE"] * 2 + ["ALTER TABLE"] * 3


async def test_labels_are_added_weakest_first_however_the_manifest_lists_them(users: Database) -> None:
    async with phases_on(users, SPEC) as run:
        await approved_and_imaged(run)
    labels = users.query("SELECT enumlabel::text FROM pg_enum ORDER BY enumsortorder")
    assert [label for (label,) in labels] == ["a", "b", "z", "y"]


async def test_a_column_that_somebody_altered_since_asks_again(users: Database) -> None:
    async with phases_on(users, SPEC) as run:
        await approved_and_imaged(run)
        users.execute("ALTER TABLE users ALTER seniority_level TYPE varchar(9)")
        await plan_anew(run)
        assert "the key or a column that is written has another name or type" in waits(run)


async def test_what_somebody_else_added_between_approval_and_run_asks_again(users: Database) -> None:
    async with phases_on(users, SPEC) as run:
        await run.check()
        await run.latch_approval("ada", "read it")
        users.execute("ALTER TABLE users ADD previous_role kind")
        await plan_anew(run)
        assert 'somebody has added column "previous_role" already' in waits(run)


async def test_what_somebody_dropped_since_is_added_again_before_the_write(users: Database) -> None:
    async with phases_on(users, SPEC) as run:
        first = await approved_and_imaged(run)
        users.execute("ALTER TABLE users DROP role_migrated_at")
        await plan_anew(run)
        assert (run.context.plan.hash, waits(run)) == (first, "")
        await run.until(Phase.DONE)
    assert users.query("SELECT count(role_migrated_at) FROM users") == [(2,)]


async def test_a_new_attempt_finds_what_the_one_before_added_in_place(users: Database) -> None:
    """Its plan is another one: it has fewer statements."""
    async with phases_on(users, SPEC) as run:
        first = await approved_and_imaged(run)
        await run.cancel()
    async with phases_on(users, SPEC, name="another") as run:
        await run.check()
        assert run.context.plan.schema_changes == ()
        assert run.context.plan.hash != first
