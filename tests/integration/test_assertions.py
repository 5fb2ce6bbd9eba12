"""Users' assertions: one read-only answer, judged before the commit, whatever the query tries."""

import resource
from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Extent, Undo
from roleshift.errors import Reason
from support.run_phases import phases_on, spec_of

TABLE = "user_profiles"


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


def asserting(query: str, expected: str = "1", **changes: Any) -> Any:
    assertion = {"name": "mine", "query": query, "expected": expected}
    return spec_of(validation={"assertions": [assertion]}, **changes)


async def message_of_failure(database: Database, spec: Any, *, uri: str = "") -> str:
    """What the assertion says of its failure; nothing of the write stays."""
    before = database.row_set_hash(TABLE)
    async with phases_on(database, spec, uri=uri) as run:
        await run.until(Phase.MIGRATING)
        outcome = await run.migrate()
        assert isinstance(outcome, Undo), outcome
        assert (outcome.reason, outcome.extent) == (Reason.VALIDATION_FAILED, Extent.UNCOMMITTED)
        assert run.failed_verifications == {"Assertion/mine"}
        assert run.run.write is None
        message = run.verification("Assertion/mine").message
        assert f"Assertion/mine: {message}" in outcome.message
    assert database.row_set_hash(TABLE) == before
    return message


async def message_of_success(database: Database, spec: Any, *, uri: str = "") -> str:
    """What the assertion says; the run is Done."""
    async with phases_on(database, spec, uri=uri) as run:
        await run.until(Phase.DONE)
        return run.verification("Assertion/mine").message


async def test_it_sees_what_the_run_wrote_before_it_commits(profiles: Database) -> None:
    query = "SELECT count(*) FROM user_profiles WHERE role = 'developer'"
    assert await message_of_success(profiles, asserting(query, "20")) == "got '20'"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT true", "true"),
        ("SELECT 1 = 2", "false"),
        ("SELECT 1.50", "1.50"),
        ("SELECT ''", ""),
        ("SELECT 'grün'", "grün"),
        ("SELECT 1;", "1"),
        ("SELECT 1 -- and no more", "1"),
        ("WITH one AS (SELECT 1) SELECT * FROM one", "1"),
        ("VALUES (1)", "1"),
        ("SELECT to_char(100, '999%')", " 100%"),
    ],
)
async def test_an_answer_is_compared_as_the_server_writes_it(
    profiles: Database, query: str, expected: str
) -> None:
    assert await message_of_success(profiles, asserting(query, expected)) == f"got {expected!r}"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT 2", "expected '1', got '2'"),
        ("SELECT NULL", "expected '1', got NULL"),
        ("SELECT 1 WHERE false", "the query must return one row, it returned no row"),
        ("SELECT generate_series(1, 3)", "the query must return one row, it returned 2 or more"),
        ("SELECT 1, 2", "the query must return one column, it returned 2"),
        ("SELECT 1, 2 WHERE false", "the query must return one column, it returned 2"),
        ("SELECT 1 / 0", "the query failed: division by zero (SQLSTATE 22012)"),
        ("SELECT * FROM nowhere", 'the query failed: relation "nowhere" does not exist'),
        ("SELECT", "the query must return one column, it returned 0"),
        ("selekt 1", "the query failed: syntax error"),
    ],
)
async def test_a_wrong_answer_rolls_the_write_back(profiles: Database, query: str, message: str) -> None:
    assert message in await message_of_failure(profiles, asserting(query))


async def test_null_is_not_the_empty_text(profiles: Database) -> None:
    assert await message_of_failure(profiles, asserting("SELECT NULL", "")) == "expected '', got NULL"


async def test_a_huge_answer_stays_on_the_server(profiles: Database) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = await message_of_failure(profiles, asserting("SELECT repeat('x', 150000000)"))
    assert message == f"expected '1', got '{'x' * 64}'…"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000


async def test_a_long_answer_is_compared_whole_and_shown_in_part(profiles: Database) -> None:
    message = await message_of_failure(profiles, asserting("SELECT repeat('x', 70)", "x" * 64))
    assert message == f"expected '{'x' * 64}', got '{'x' * 64}'…"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1; COMMIT",
        "COMMIT",
        "ROLLBACK",
        "SELECT 1) AS a; COMMIT; SELECT (1",
        "SELECT 1) AS a LIMIT 1; COMMIT; --",
        "DELETE FROM user_profiles RETURNING 1",
        "WITH gone AS (DELETE FROM user_profiles RETURNING 1) SELECT count(*) FROM gone",
        "SELECT remove_everybody()",
        "SELECT nextval('numbers')",
        "SELECT 1 FROM user_profiles LIMIT 1 FOR UPDATE",
        "SELECT set_config('transaction_read_only', 'off', true) FROM remove_everybody()",
        "DO 'BEGIN END'",
        "EXPLAIN ANALYZE DELETE FROM user_profiles",
        "COPY user_profiles TO STDOUT",
    ],
)
async def test_a_query_that_tries_to_do_something_is_a_failed_assertion(
    profiles: Database, query: str
) -> None:
    profiles.execute("CREATE SEQUENCE numbers")
    profiles.execute(
        "CREATE FUNCTION remove_everybody() RETURNS int LANGUAGE sql AS 'DELETE FROM user_profiles; SELECT 1'"
    )
    message = await message_of_failure(profiles, asserting(query))
    assert message.startswith("the query failed: ")


async def test_a_query_that_takes_too_long_is_a_failed_assertion(profiles: Database) -> None:
    spec = asserting("SELECT 1 FROM pg_sleep(20)", strategy={"statementTimeoutSeconds": 1})
    assert await message_of_failure(profiles, spec) == "the query took longer than 1 s"


async def test_what_an_assertion_sets_does_not_outlive_it(profiles: Database) -> None:
    query = "SELECT set_config('statement_timeout', '1ms', true) || set_config('search_path', '', true)"
    assert await message_of_success(profiles, asserting(query, "1ms")) == "got '1ms'"


async def test_for_a_superuser_it_runs_with_a_readers_rights(profiles: Database) -> None:
    query = "SELECT current_user"
    spec = asserting(query, "pg_read_all_data")
    assert await message_of_success(profiles, spec, uri=profiles.admin_uri) == "got 'pg_read_all_data'"


async def test_a_superusers_assertion_can_not_use_a_superusers_functions(profiles: Database) -> None:
    spec = asserting("SELECT pg_read_file('PG_VERSION')", "18")
    message = await message_of_failure(profiles, spec, uri=profiles.admin_uri)
    assert "permission denied for function pg_read_file" in message


async def test_every_assertion_is_judged_even_when_one_fails(profiles: Database) -> None:
    queries = {"one": "SELECT 2", "two": "SELECT 1 / 0", "three": "SELECT 1"}
    assertions = [{"name": name, "query": query, "expected": "1"} for name, query in queries.items()]
    async with phases_on(profiles, spec_of(validation={"assertions": assertions})) as run:
        await run.until(Phase.MIGRATING)
        await run.migrate()
        assert run.failed_verifications == {"Assertion/one", "Assertion/two"}
        assert run.verification("Assertion/three").message == "got '1'"


async def test_a_failing_assertion_does_not_keep_a_later_run_back(profiles: Database) -> None:
    await message_of_failure(profiles, asserting("SELECT 2"))
    async with phases_on(profiles, asserting("SELECT 1"), name="second") as run:
        await run.until(Phase.DONE)
        assert isinstance(await run.roll_back(), Advance)
