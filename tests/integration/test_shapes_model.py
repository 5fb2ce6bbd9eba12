"""Whatever the shape, the mapping and what others do: no row is migrated twice, skipped, or lost."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from localenv.database import Database
from localenv.postgres import PostgresServer
from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Fail, Outcome, Replan
from roleshift.errors import Reason
from support.foreseen import foresee
from support.interference import Story
from support.random_shapes import KINDS, LOOKUP, WORK, WORK_SINCE, Draft, Edit, drafts, edits
from support.run_phases import PhaseRun, phases_on
from support.shapes import Content, Shape, assert_migrated


@pytest.fixture(scope="module")
def shared(postgres: PostgresServer) -> Iterator[Database]:
    """One database for all examples; each has a table of its own."""
    created = Database.create(postgres)
    created.execute(LOOKUP)
    yield created
    created.drop()


def apply_all(database: Database, draft: Draft, table: str, work: list[Edit]) -> None:
    with database.connect() as connection:
        for edit in work:
            edit.apply(connection, draft, table)


async def written(run: PhaseRun) -> Outcome:
    """Lead the run through its write, planning again where it asks for that; the last outcome."""
    steps = {
        Phase.CHECKING: run.check,
        Phase.BACKING_UP: run.back_up,
        Phase.MIGRATING: run.migrate,
    }
    outcome: Outcome = Replan(Reason.PLAN_CHANGED, "")
    while isinstance(outcome, Advance | Replan) and run.run.phase in steps:
        outcome = await steps[run.run.phase]()
    return outcome


def assert_refused(shape: Shape, outcome: Outcome, before: Content, after: Content) -> None:
    """Roles of one user would become one and nobody allowed that: the run ends, and nothing was written."""
    assert isinstance(outcome, Fail), outcome
    assert outcome.reason is Reason.ROLE_COLLISION, outcome
    assert after == before, shape


async def follow(database: Database, draft: Draft, between: list[Edit], since: list[Edit]) -> None:
    """Lead one run forward and back, with the work of others before the write and before the rollback."""
    shape = draft.shape()
    draft.create(database, shape.table)
    async with phases_on(database, shape.spec_of(), name=shape.table.replace("_", "-")) as run:
        if draft.merge or not foresee(shape.read(database).rows, shape.rules).removed:
            await run.until(Phase.MIGRATING)
            apply_all(database, draft, shape.table, between)
        before, row_set_hash = shape.read(database), database.row_set_hash(shape.table)
        outcome = await written(run)
        after = shape.read(database)
        if not draft.merge and foresee(before.rows, shape.rules).removed:
            event("refused")
            assert_refused(shape, outcome, before, after)
            return
        assert isinstance(outcome, Advance), outcome
        foreseen = assert_migrated(shape, before, after)
        assert run.run.image is not None
        assert run.run.image.rows == len(foreseen.written | foreseen.removed)
        await run.until(Phase.DONE)
        apply_all(database, draft, shape.table, since)
        then = shape.read(database)
        rolled_back = await run.roll_back()
        assert isinstance(rolled_back, Advance), rolled_back
        end, record = shape.read(database), run.run.rollback
        assert record is not None
        event(
            f"{draft.kind}, {'merged' if foreseen.removed else 'migrated'}, {'then edited' if since else ''}"
        )
        if then == after:
            assert database.row_set_hash(shape.table) == row_set_hash
            touched = foreseen.written | foreseen.removed
            assert end.versions_but(touched) == before.versions_but(touched)
            assert (record.rows_restored, record.conflicts, record.remaining) == (len(touched), 0, 0)
        story = Story(shape.rules, foreseen, before.rows, after.rows, then.rows, end.rows)
        story.assert_nothing_lost(record.rows_restored, record.conflicts)
        assert conflicts_logged(database, run.run.run_id) == record.conflicts


def conflicts_logged(database: Database, run_id: str) -> int:
    query = "SELECT count(*) FROM roleshift.migration_rollback_log WHERE run_id = %s AND kind = 'Conflict'"
    return int(database.query(query, [run_id])[0][0])


@pytest.mark.parametrize("family", KINDS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), between=edits(*WORK), since=edits(*WORK_SINCE))
def test_every_shape_matches_the_model(
    shared: Database, family: str, data: st.DataObject, between: list[Edit], since: list[Edit]
) -> None:
    asyncio.run(follow(shared, data.draw(drafts(family)), between, since))
