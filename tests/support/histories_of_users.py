"""Histories of a plain table of users: a migration and its rollback have to match the model."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from hypothesis import strategies as st

from localenv.database import Database
from roleshift.api import OnConflict, Phase, RoleMigrationSpec
from roleshift.archive.store import StoreAddress
from roleshift.engine.outcome import Advance, Fail, Replan, Undo
from roleshift.errors import Reason
from support.foreseen import WRITTEN, Route, Row, Rows
from support.history import Point, Source, backed_up_to, leave_only_the_archive, place_for
from support.migrations import SPEC
from support.model import Model
from support.run_phases import PhaseRun, phases_on, spec_of

ROLES = ["a", "b", "c", "d", "e"]
KEYS = st.integers(1, 9)
_numbers = count(1)

roles = st.sampled_from(ROLES)
seniorities = st.sampled_from([None, "junior", "senior"])
UNSEEN = {"note": ""}
LOGGED_IN = {"note": "logged in"}
rows = st.builds(
    Row,
    role=st.none() | roles,
    previous_role=st.none() | roles,
    seniority=seniorities,
    rest=st.just(UNSEEN),
)
tables = st.dictionaries(KEYS, rows, max_size=9)


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Route]:
    """Each role at most once; an entry that would change nothing gives a seniority."""
    chosen = draw(st.dictionaries(roles, st.builds(Route, to=roles, seniority=seniorities), min_size=1))
    return {
        role: replace(route, seniority="senior") if route.to == role else route
        for role, route in chosen.items()
    }


@dataclass(frozen=True)
class Edit:
    """What somebody does to the table: as SQL, and to the model."""

    key: int
    what: str
    role: str | None

    def apply(self, database: Database, table: str, model: Model) -> None:
        """Do it to both."""
        row, before = model.rows.get(self.key), model.image.get(self.key)
        match self.what:
            case "insert" if row is None:
                model.rows[self.key] = Row(self.role, rest=UNSEEN)
                database.execute(f"INSERT INTO {table} (id, role) VALUES (%s, %s)", [self.key, self.role])
            case "delete":
                model.rows.pop(self.key, None)
                database.execute(f"DELETE FROM {table} WHERE id = %s", [self.key])
            case "role" if row is not None:
                model.rows[self.key] = replace(row, role=self.role)
                database.execute(f"UPDATE {table} SET role = %s WHERE id = %s", [self.role, self.key])
            case "note" if row is not None:
                model.rows[self.key] = replace(row, rest=LOGGED_IN)
                database.execute(f"UPDATE {table} SET note = 'logged in' WHERE id = %s", [self.key])
            case "forget the time" if row is not None:
                model.rows[self.key] = replace(row, migrated_at=None)
                database.execute(f"UPDATE {table} SET migrated_at = NULL WHERE id = %s", [self.key])
            case "by hand" if row is not None and before is not None:
                model.rows[self.key] = replace(before, rest=row.rest)
                database.execute(
                    f"UPDATE {table} SET role = %s, previous_role = %s, seniority = %s, migrated_at = NULL"
                    " WHERE id = %s",
                    [before.role, before.previous_role, before.seniority, self.key],
                )


KINDS = ("insert", "delete", "role", "note", "forget the time", "by hand")
edits = st.lists(st.builds(Edit, key=KEYS, what=st.sampled_from(KINDS), role=st.none() | roles), max_size=8)


@dataclass(frozen=True)
class UsersHistory:
    """A table, a mapping, and what happens.

    Attributes:
        between: edits between image and write.
        during: edits that wait for the write and come before it is verified.
        since: edits after it was verified; only where the rollback comes after that.
    """

    rows: Rows
    routes: dict[str, Route]
    between: list[Edit]
    during: list[Edit]
    since: list[Edit]
    point: Point
    on_conflict: OnConflict
    source: Source

    @property
    def model(self) -> Model:
        """The model before anything has happened."""
        return Model(self.routes, dict(self.rows))

    def spec(self, table: str) -> RoleMigrationSpec:
        """The manifest's spec."""
        columns = {"seniority": "seniority", "migratedAt": "migrated_at"}
        return spec_of(
            {"connection": SPEC["connection"]},
            target={"table": table, "columns": columns},
            mappings=[
                {"from": role, "to": route.to} | ({"seniority": route.seniority} if route.seniority else {})
                for role, route in self.routes.items()
            ],
            unmappedRoles="Keep",
            checks={"minimumScore": 0},
            rollback={"onConflict": self.on_conflict},
        )


users_histories = st.builds(
    UsersHistory,
    rows=tables,
    routes=mappings(),
    between=edits,
    during=edits,
    since=edits,
    point=st.sampled_from(Point),
    on_conflict=st.sampled_from(OnConflict),
    source=st.sampled_from(Source),
)


def create(database: Database, rows: Rows) -> str:
    table = f"people_{next(_numbers)}"
    database.execute(
        f"CREATE TABLE {table} (id int PRIMARY KEY, role text, previous_role text, seniority text,"
        " migrated_at timestamptz, note text NOT NULL DEFAULT '')"
    )
    with database.connect() as connection:
        connection.cursor().executemany(
            f"INSERT INTO {table} (id, role, previous_role, seniority) VALUES (%s, %s, %s, %s)",
            [(key, row.role, row.previous_role, row.seniority) for key, row in rows.items()],
        )
    return table


def content(database: Database, table: str, written_at: datetime | None) -> Rows:
    found = database.query(
        f"SELECT id, role, previous_role, seniority, migrated_at, note FROM {table} ORDER BY id"
    )
    times = {written_at: WRITTEN, None: None}
    return {row[0]: Row(row[1], row[2], row[3], times[row[4]], {"note": row[5]}) for row in found}


async def follow_users(database: Database, history: UsersHistory) -> None:
    """Lead table and model through a history side by side; they have to agree at each stop."""
    with place_for(history.source) as store:
        await _follow(database, history, store)


async def _follow(database: Database, history: UsersHistory, store: StoreAddress | None) -> None:
    model = history.model
    table = create(database, model.rows)

    def edit(work: list[Edit]) -> None:
        for one in work:
            one.apply(database, table, model)

    spec = backed_up_to(store, history.spec(table))
    async with phases_on(database, spec, name=table.replace("_", "-")) as run:
        run.store = store
        await run.until(Phase.MIGRATING)
        model.plan()
        edit(history.between)
        if history.point is Point.BEFORE_THE_WRITE:
            assert isinstance(await run.cancel(), Undo)
            assert content(database, table, None) == model.rows
            return
        if isinstance(await run.migrate(), Replan):
            model.plan()
            await run.until(Phase.VALIDATING)
        model.migrate()
        assert run.run.write is not None
        written_at = run.run.write.written_at
        assert content(database, table, written_at) == model.rows
        edit(history.during)
        if history.point is Point.DONE:
            await run.until(Phase.DONE)
            edit(history.since)
            leave_only_the_archive(database, run)
        await _roll_back(run, model, history.on_conflict)
        assert content(database, table, written_at) == model.rows


async def _roll_back(run: PhaseRun, model: Model, on_conflict: OnConflict) -> None:
    refused = on_conflict is OnConflict.FAIL and model.is_changed()
    outcome = await run.roll_back()
    assert isinstance(outcome, Fail if refused else Advance), outcome
    if isinstance(outcome, Fail):
        assert outcome.message.startswith(f"{Reason.ROLES_CHANGED_SINCE}: ")
        return
    expected = model.roll_back(overwrites=on_conflict is OnConflict.OVERWRITE)
    record = run.run.rollback
    assert record is not None
    assert (record.rows_restored, record.conflicts, record.remaining) == expected
