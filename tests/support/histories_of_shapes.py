"""Histories of tables of every shape: no row may be migrated twice, skipped, or lost, whatever others do."""

from dataclasses import dataclass

from hypothesis import event
from hypothesis import strategies as st

from localenv.database import Database
from roleshift.api import OnConflict, Phase, RoleMigrationSpec
from roleshift.archive.store import StoreAddress
from roleshift.engine.outcome import Advance, Fail, Outcome, Replan, Undo
from roleshift.errors import Reason
from support.foreseen import foresee
from support.history import Point, Source, backed_up_to, leave_only_the_archive, place_for
from support.interference import Story
from support.random_shapes import WORK, WORK_SINCE, Draft, Edit, drafts, edits
from support.run_phases import PhaseRun, phases_on
from support.shapes import Content, Shape, assert_migrated


@dataclass(frozen=True)
class ShapesHistory:
    """A table, a mapping, and what happens; as `UsersHistory`."""

    draft: Draft
    between: list[Edit]
    during: list[Edit]
    since: list[Edit]
    point: Point
    on_conflict: OnConflict
    source: Source = Source.IMAGE


def shapes_histories(family: str) -> st.SearchStrategy[ShapesHistory]:
    """Histories of a family of tables."""
    return st.builds(
        ShapesHistory,
        draft=drafts(family),
        between=edits(*WORK),
        during=edits(*WORK_SINCE),
        since=edits(*WORK_SINCE),
        point=st.sampled_from(Point),
        on_conflict=st.sampled_from(OnConflict),
        source=st.sampled_from(Source),
    )


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


async def follow_shapes(database: Database, history: ShapesHistory) -> None:
    """Lead one run forward and back, with the work of others on its way."""
    with place_for(history.source) as store:
        await _follow(database, history, store)


async def _follow(database: Database, history: ShapesHistory, store: StoreAddress | None) -> None:
    draft, shape = history.draft, history.draft.shape()
    draft.create(database, shape.table)
    spec = backed_up_to(store, _spec(shape, history.on_conflict))
    async with phases_on(database, spec, name=shape.table.replace("_", "-")) as run:
        run.store = store
        if draft.merge or not foresee(shape.read(database).rows, shape.rules).removed:
            await run.until(Phase.MIGRATING)
            apply_all(database, draft, shape.table, history.between)
        before, row_set_hash = shape.read(database), database.row_set_hash(shape.table)
        if history.point is Point.BEFORE_THE_WRITE:
            assert isinstance(await run.cancel(), Undo)
            assert shape.read(database) == before
            return
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
        apply_all(database, draft, shape.table, history.during)
        if history.point is Point.DONE:
            await run.until(Phase.DONE)
            apply_all(database, draft, shape.table, history.since)
            leave_only_the_archive(database, run)
        then = shape.read(database)
        event(f"{draft.kind}, {'merged' if foreseen.removed else 'migrated'}, {history.on_conflict}")
        if not await came_back(run, history.on_conflict):
            assert shape.read(database) == then
            return
        end = shape.read(database)
        if then == after:
            assert database.row_set_hash(shape.table) == row_set_hash
            touched = foreseen.written | foreseen.removed
            assert end.versions_but(touched) == before.versions_but(touched)
            assert figures(run) == (len(touched), 0, 0)
        overwrites = history.on_conflict is OnConflict.OVERWRITE
        story = Story(shape.rules, foreseen, before.rows, after.rows, then.rows, end.rows, overwrites)
        restored, conflicts, _ = figures(run)
        story.assert_nothing_lost(restored, conflicts)
        assert conflicts_logged(database, run.run.run_id) == conflicts


def _spec(shape: Shape, on_conflict: OnConflict) -> RoleMigrationSpec:
    spec = shape.spec_of()
    return spec.model_copy(update={"rollback": spec.rollback.model_copy(update={"on_conflict": on_conflict})})


async def came_back(run: PhaseRun, on_conflict: OnConflict) -> bool:
    """Roll back; whether the old roles came back, and not Fail ended it because of conflicts."""
    outcome = await run.roll_back()
    if on_conflict is OnConflict.FAIL and isinstance(outcome, Fail):
        assert outcome.message.startswith(f"{Reason.ROLES_CHANGED_SINCE}: "), outcome
        assert figures(run)[1] > 0
        return False
    assert isinstance(outcome, Advance), outcome
    assert on_conflict is not OnConflict.FAIL or figures(run)[1] == 0
    return True


def figures(run: PhaseRun) -> tuple[int, int, int]:
    """Rows restored, conflicts, and rows that were left, as the rollback reported."""
    record = run.run.rollback
    assert record is not None
    return record.rows_restored, record.conflicts, record.remaining


def conflicts_logged(database: Database, run_id: str) -> int:
    query = "SELECT count(*) FROM roleshift.migration_rollback_log WHERE run_id = %s AND kind <> 'Result'"
    return int(database.query(query, [run_id])[0][0])
