"""Rows that come to collide between image and write: nothing is written, and the plan is made again."""

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Fail, Replan
from roleshift.errors import Reason
from support.run_phases import phases_on, spec_of
from support.tables import MEMBERS, PLAIN

SPEC = spec_of(
    target={"table": "members", **PLAIN},
    mappings=[{"from": "a", "to": "c"}, {"from": "b", "to": "c"}],
    privileges={"order": ["c", "b", "a"]},
)


@pytest.fixture
def members(database: Database) -> Database:
    database.execute(MEMBERS + "INSERT INTO members VALUES (7, 'a'), (8, 'b')")
    return database


async def test_it_goes_back_to_checking_which_names_the_collision(members: Database) -> None:
    async with phases_on(members, SPEC) as run:
        await run.until(Phase.MIGRATING)
        members.execute("INSERT INTO members VALUES (7, 'b')")
        before = members.row_set_hash("members")
        again = await run.migrate()
        assert isinstance(again, Replan)
        assert again.reason is Reason.PLAN_CHANGED
        assert "(user_id 7)" in again.message
        assert (run.run.phase, run.run.reason) == (Phase.CHECKING, Reason.PLAN_CHANGED)
        assert members.row_set_hash("members") == before
        failed = await run.check()
        assert isinstance(failed, Fail)
        assert failed.reason is Reason.ROLE_COLLISION
        assert "user_id 7" in failed.message
        assert members.row_set_hash("members") == before


async def test_it_goes_on_when_the_row_is_gone_by_then(members: Database) -> None:
    async with phases_on(members, SPEC) as run:
        await run.until(Phase.MIGRATING)
        members.execute("INSERT INTO members VALUES (7, 'b')")
        assert isinstance(await run.migrate(), Replan)
        members.execute("DELETE FROM members WHERE user_id = 7 AND role = 'b'")
        assert isinstance(await run.check(), Advance)
        await run.until(Phase.DONE)
    assert members.query("SELECT user_id, role FROM members ORDER BY 1") == [(7, "c"), (8, "c")]


async def test_it_is_found_at_once_under_an_index_that_reads_the_role(database: Database) -> None:
    database.execute(
        "CREATE TABLE members (id int PRIMARY KEY, user_id int, role text);"
        "CREATE UNIQUE INDEX ON members (user_id) WHERE role = 'c';"
        "INSERT INTO members VALUES (1, 7, 'a'), (2, 8, 'b')"
    )
    async with phases_on(database, SPEC) as run:
        await run.until(Phase.MIGRATING)
        database.execute("INSERT INTO members VALUES (3, 7, 'c')")
        again = await run.migrate()
        assert isinstance(again, Replan)
        assert "user_id 7" in again.message


async def test_a_unique_index_elsewhere_that_a_trigger_runs_into_is_no_collision(members: Database) -> None:
    """Checking would find nothing wrong, and the run would go round for ever."""
    async with phases_on(members, SPEC) as run:
        await run.until(Phase.MIGRATING)
        members.execute("""
            CREATE TABLE audit (role text UNIQUE);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO audit VALUES (NEW.role); RETURN NEW; END';
            CREATE TRIGGER note AFTER UPDATE ON members FOR EACH ROW EXECUTE FUNCTION note();
        """)
        before = members.row_set_hash("members")
        failed = await run.migrate()
        assert isinstance(failed, Fail)
        assert failed.reason is Reason.CONSTRAINT_VIOLATED
        assert members.row_set_hash("members") == before
