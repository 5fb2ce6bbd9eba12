"""Where the key holds the role, a row's old key may be another row's new one: each is taken for itself."""

from collections.abc import Sequence

import pytest

from localenv.database import Database
from roleshift.api import Phase, RollbackResult
from roleshift.engine.outcome import Advance
from roleshift.engine.run import RollbackRecord
from support.run_phases import PhaseRun, phases_on
from support.sample_shapes import CHAIN, MERGING, ROLE_IN_KEY, SWAP
from support.shapes import Shape

WHOLE = ""
BY_ROLE = """PARTITION BY LIST (role);
    CREATE TABLE user_roles_1 PARTITION OF user_roles FOR VALUES IN ('member', 'editor');
    CREATE TABLE user_roles_2 PARTITION OF user_roles DEFAULT"""


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


def holding(*rows: tuple[int, str], key: str = WHOLE) -> Shape:
    """A table with these users and roles, numbered from 1."""
    definition, _, _ = ROLE_IN_KEY.sql.partition(";")
    values = ", ".join(f"({user}, '{role}', {no})" for no, (user, role) in enumerate(rows, start=1))
    filled = f"INSERT INTO user_roles (user_id, role, no) VALUES {values}"
    return ROLE_IN_KEY.but(sql=f"{definition} {key}; {filled}")


def content(database: Database) -> list[tuple[int, int, str]]:
    return database.query("SELECT no, user_id, role FROM user_roles ORDER BY no NULLS LAST, user_id, role")


async def rolled_back(run: PhaseRun) -> RollbackRecord:
    outcome = await run.roll_back()
    assert isinstance(outcome, Advance), outcome
    assert run.run.rollback is not None
    return run.run.rollback


@pytest.mark.parametrize("key", [WHOLE, BY_ROLE], ids=["one table", "partitions"])
@pytest.mark.parametrize(
    "held",
    [("member", "editor", "owner", "guest"), ("member", "editor", "owner"), ("editor", "owner")],
    ids=" ".join,
)
async def test_rows_merged_beside_a_cycle_come_back(
    database: Database, key: str, held: Sequence[str]
) -> None:
    shape = holding(*((1, role) for role in held), (2, "member"), key=key).but(
        mappings=[*SWAP, {"from": "owner", "to": "editor"}], target={"onDuplicate": "Merge"}
    )
    shape.create(database)
    before = database.row_set_hash("user_roles")
    async with phases_on(database, shape.spec_of()) as run:
        await run.until(Phase.DONE)
        record = await rolled_back(run)
        assert (record.result, record.conflicts) == (RollbackResult.COMPLETE, 0)
    assert database.row_set_hash("user_roles") == before


async def test_a_row_that_others_inserted_at_an_old_key_is_a_conflict(database: Database) -> None:
    shape = holding((1, "owner"), (2, "owner"), (1, "guest")).but(mappings=[CHAIN[2]])
    shape.create(database)
    async with phases_on(database, shape.spec_of()) as run:
        await run.until(Phase.DONE)
        database.execute("INSERT INTO user_roles (user_id, role) VALUES (1, 'owner')")
        record = await rolled_back(run)
        assert (record.result, record.rows_restored) == (RollbackResult.PARTIAL, 1)
        assert (record.conflicts, record.remaining) == (1, 1)
    assert content(database) == [(1, 1, "admin"), (2, 2, "owner"), (3, 1, "guest"), (None, 1, "owner")]


async def test_a_deleted_row_is_no_conflict_though_another_one_has_its_old_key(database: Database) -> None:
    """Member and editor change places; who now is an editor was a member."""
    shape = holding((1, "member"), (1, "editor"), (2, "member")).but(mappings=SWAP)
    shape.create(database)
    async with phases_on(database, shape.spec_of()) as run:
        await run.until(Phase.DONE)
        database.execute("DELETE FROM user_roles WHERE no = 1")
        record = await rolled_back(run)
        assert (record.result, record.conflicts) == (RollbackResult.COMPLETE, 0)
        assert record.rows_restored == 2
    assert content(database) == [(2, 1, "editor"), (3, 2, "member")]


async def test_a_row_that_others_gave_another_role_is_left(database: Database) -> None:
    shape = holding((1, "member"), (2, "member"), (2, "owner")).but(mappings=MERGING[:1])
    shape.create(database)
    async with phases_on(database, shape.spec_of()) as run:
        await run.until(Phase.DONE)
        database.execute("UPDATE user_roles SET role = 'boss' WHERE no = 1")
        record = await rolled_back(run)
        assert record.rows_restored == 1
    assert content(database) == [(1, 1, "boss"), (2, 2, "member"), (3, 2, "owner")]
