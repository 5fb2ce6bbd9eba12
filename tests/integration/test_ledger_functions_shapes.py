"""validate_run and restore_run, from psql alone, on every shape of table."""

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.outcome import Advance
from support.run_phases import phases_on
from support.sample_shapes import (
    ARRAY,
    CHAIN,
    CYCLE,
    KNOT,
    LOOKUP,
    MERGE,
    ROLE_IN_KEY,
    SCOPE,
    SWAP,
    USER_ROLES,
)
from support.shapes import Content, Shape, assert_migrated

PASSED = dict.fromkeys(("BackupChecksum", "Completeness", "RowValues", "ForeignKeys"), "Passed")
SHAPES = {
    "a lookup table": LOOKUP,
    "a lookup table, in a chain": LOOKUP.but(mappings=CHAIN),
    "an array": ARRAY,
    "an array, in a cycle": ARRAY.but(mappings=CYCLE),
    "a role in the key": ROLE_IN_KEY,
    "a role in the key, in a knot": ROLE_IN_KEY.but(mappings=KNOT),
    "a merge": MERGE,
    "a merge of roles in the key": ROLE_IN_KEY.but(mappings=MERGE.mappings, target=MERGE.target),
    "a merge beside a swap of roles in the key": ROLE_IN_KEY.but(
        mappings=[*SWAP, {"from": "owner", "to": "editor"}], target=MERGE.target
    ),
    "a chain": USER_ROLES,
    "a swap": USER_ROLES.but(mappings=SWAP),
    "a scope": SCOPE,
    "a scope, in a chain": SCOPE.but(mappings=CHAIN),
}
CHANGES = {
    "a lookup table": "UPDATE users SET role = 60 WHERE id = 1",
    "an array": "UPDATE users SET role = role || '{guest}' WHERE id = 1",
    "a swap": "UPDATE user_roles SET role = 'boss' WHERE user_id = 7",
    "a merge": "UPDATE user_roles SET role = 'boss' WHERE user_id = 7",
    "a scope": "UPDATE users SET role = 'boss' WHERE id = 8",
}
"""What somebody does to one row of the run since."""


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def migrated(database: Database, shape: Shape) -> tuple[str, int, Content, str]:
    """Lead a run to Done; its id, the rows that it is about, and the table and its hash before."""
    shape.create(database)
    before, row_set_hash = shape.read(database), database.row_set_hash(shape.table)
    async with phases_on(database, shape.spec_of()) as run:
        await run.until(Phase.DONE)
        foreseen = assert_migrated(shape, before, shape.read(database))
        return run.run.run_id, len(foreseen.written | foreseen.removed), before, row_set_hash


def validated(database: Database, run_id: str) -> dict[str, str]:
    return dict(database.query("SELECT name, result FROM roleshift.validate_run(%s)", [run_id]))


def restored(database: Database, run_id: str) -> tuple[int, ...]:
    """Rows restored, born rows restored, conflicts, deleted."""
    query = "SELECT restored, born_restored, conflicts, deleted FROM roleshift.restore_run(%s)"
    (row,) = database.query(query, [run_id])
    return row


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_a_run_passes_and_comes_back(database: Database, shape: Shape) -> None:
    run_id, rows, before, row_set_hash = await migrated(database, shape)
    assert validated(database, run_id) == PASSED
    assert restored(database, run_id) == (rows, 0, 0, 0)
    assert database.row_set_hash(shape.table) == row_set_hash
    untouched = {name for name, row in before.rows.items() if not shape.rules.routes_of(row)}
    versions = shape.read(database).versions
    assert {name: versions[name] for name in untouched} == {name: before.versions[name] for name in untouched}
    assert restored(database, run_id) == (0, 0, 0, 0)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_the_operator_agrees_with_what_psql_restored(database: Database, shape: Shape) -> None:
    shape.create(database)
    row_set_hash = database.row_set_hash(shape.table)
    async with phases_on(database, shape.spec_of()) as run:
        await run.until(Phase.DONE)
        _, _, conflicts, deleted = restored(database, run.run.run_id)
        assert (conflicts, deleted) == (0, 0)
        assert isinstance(await run.roll_back(), Advance)
        assert run.run.rollback is not None
        assert (run.run.rollback.conflicts, run.run.rollback.remaining) == (0, 0)
    assert database.row_set_hash(shape.table) == row_set_hash


@pytest.mark.parametrize("name", CHANGES)
async def test_what_somebody_changed_since_is_left_and_named(database: Database, name: str) -> None:
    shape = SHAPES[name]
    run_id, rows, before, _ = await migrated(database, shape)
    migrated_rows = shape.read(database).rows
    database.execute(CHANGES[name])
    theirs = shape.read(database).rows
    (changed,) = [one for one, row in theirs.items() if row != migrated_rows[one]]
    assert validated(database, run_id) == {**PASSED, "RowValues": "Warning"}
    assert restored(database, run_id) == (rows - 1, 0, 1, 0)
    assert shape.read(database).rows == {**before.rows, changed: theirs[changed]}
    logged = "SELECT row_key FROM roleshift.migration_rollback_log WHERE kind = 'FunctionConflict'"
    assert database.query(logged) == [([changed],)]


@pytest.mark.parametrize("shape", [USER_ROLES, MERGE], ids=["a chain", "a merge"])
async def test_an_old_role_that_somebody_gave_again_is_a_conflict_and_no_error(
    database: Database, shape: Shape
) -> None:
    """User 7 held member only."""
    run_id, rows, before, _ = await migrated(database, shape)
    database.execute("INSERT INTO user_roles (user_id, role) VALUES (7, 'member')")
    theirs = {name: row for name, row in shape.read(database).rows.items() if row.rest["user_id"] == 7}
    assert restored(database, run_id) == (rows - 1, 0, 1, 0)
    assert shape.read(database).rows == {**before.rows, **theirs}


async def test_a_merged_user_who_was_deleted_since_is_not_resurrected(database: Database) -> None:
    run_id, _, before, _ = await migrated(database, MERGE)
    database.execute("DELETE FROM user_roles WHERE user_id = 3")
    _, _, conflicts, _ = restored(database, run_id)
    assert conflicts == 0
    left = {name: row for name, row in before.rows.items() if row.rest["user_id"] != 3}
    assert MERGE.read(database).rows == left


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_they_are_of_one_text_on_an_older_server(database16: Database, shape: Shape) -> None:
    run_id, rows, _, row_set_hash = await migrated(database16, shape)
    assert validated(database16, run_id) == PASSED
    assert restored(database16, run_id) == (rows, 0, 0, 0)
    assert database16.row_set_hash(shape.table) == row_set_hash
