"""Mode DryRun: once the gate is open every statement is prepared as the run's role, and none is run."""

from functools import partial

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.outcome import Conclude, Fail
from roleshift.errors import Reason
from roleshift.postgres.preparation import prepare
from support.person import dump_without_ledger_rows
from support.run_phases import PhaseRun, phases_on, spec_of
from support.tables import USERS

DRY_RUN = partial(spec_of, mode="DryRun")
ADDED = DRY_RUN(target={"table": "users"}, schemaChanges="AddMissing")


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def prepared(run: PhaseRun) -> int:
    """How many statements were prepared."""
    found = await prepare(
        run.work, run.context.plan, run.context.moving.routes, run.spec.validation.assertions
    )
    assert found.refused == ()
    return found.prepared


async def test_it_ends_and_nothing_is_written(profiles: Database) -> None:
    async with phases_on(profiles, DRY_RUN()) as run:
        before = dump_without_ledger_rows(profiles)
        outcome = await run.dry_run()
        assert isinstance(outcome, Conclude), outcome
        assert (run.run.phase, run.run.reason) == (Phase.DONE, Reason.DRY_RUN_COMPLETED)
        assert run.run.plan is not None
        assert (run.run.image, run.run.write, run.run.active) == (None, None, False)
        assert [(line.step, line.outcome) for line in run.run.log] == [("Checking", "Succeeded")]
        for said in (
            "nothing was written or locked",
            "40 rows would change",
            f"{await prepared(run)} statements were prepared",
            "not prepared: LOCK TABLE has none, the right to it was looked up",
            "set spec.mode to Rehearse or Apply",
        ):
            assert said in outcome.message
        assert dump_without_ledger_rows(profiles) == before


async def test_every_assertion_is_one_statement_more(profiles: Database) -> None:
    asserted = {"name": "all", "query": "SELECT count(*) FROM user_profiles", "expected": "40"}
    async with phases_on(profiles, DRY_RUN()) as run:
        await run.open_gate()
        without = await prepared(run)
        run.spec = DRY_RUN(validation={"assertions": [asserted]})
        assert await prepared(run) == without + 1


async def test_nobody_waits_for_it(profiles: Database) -> None:
    """It takes no lock that a reader's or a writer's transaction would be in the way of."""
    async with phases_on(profiles, DRY_RUN()) as run:
        await run.open_gate()
        with profiles.connect() as writer:
            writer.execute("BEGIN; UPDATE user_profiles SET note = 'mine' WHERE id = 1")
            assert await prepared(run) > 0
            locks = "SELECT count(*) FROM pg_locks WHERE relation = 'user_profiles'::regclass AND pid = %s"
            assert profiles.query(locks, [run.work.backend.pid]) == [(0,)]


async def test_schema_statements_are_tried_beside_the_table(database: Database) -> None:
    database.execute(USERS)
    async with phases_on(database, ADDED) as run:
        await run.open_gate()
        before = dump_without_ledger_rows(database)
        with database.connect() as reader:
            reader.execute("BEGIN; SELECT count(*) FROM users")
            assert await prepared(run) > len(run.context.plan.schema_changes)
        assert isinstance(await run.dry_run(), Conclude)
        assert dump_without_ledger_rows(database) == before


async def test_a_new_enum_value_is_tried_and_undone(profiles: Database) -> None:
    spec = DRY_RUN(
        mappings=[{"from": "junior_dev", "to": "engineer"}], unmappedRoles="Keep", schemaChanges="AddMissing"
    )
    async with phases_on(profiles, spec) as run:
        assert isinstance(await run.dry_run(), Conclude)
    assert profiles.query("SELECT 'engineer' = ANY(enum_range(NULL::user_role)::text[])") == [(False,)]


async def test_an_assertion_that_needs_an_added_column_is_named_and_no_failure(database: Database) -> None:
    database.execute(USERS)
    query = "SELECT count(*) FROM users WHERE seniority_level IS NULL"
    spec = spec_of(
        mode="DryRun",
        target={"table": "users"},
        schemaChanges="AddMissing",
        validation={"assertions": [{"name": "all-have-one", "query": query, "expected": "0"}]},
    )
    async with phases_on(database, spec) as run:
        outcome = await run.dry_run()
        assert isinstance(outcome, Conclude)
        assert "assertion all-have-one names a column that the plan adds" in outcome.message


async def test_an_assertion_that_can_not_be_prepared_fails_it(profiles: Database) -> None:
    wrong = {"name": "typo", "query": "SELECT count(*) FROM user_profile", "expected": "0"}
    before = profiles.row_set_hash("user_profiles")
    async with phases_on(profiles, DRY_RUN(validation={"assertions": [wrong]})) as run:
        outcome = await run.dry_run()
        assert isinstance(outcome, Fail)
        assert outcome.reason is Reason.TABLE_NOT_FOUND
        assert "1 of" in outcome.message
        assert "assertion typo" in outcome.message
        assert run.run.phase is Phase.FAILED
    assert profiles.row_set_hash("user_profiles") == before
