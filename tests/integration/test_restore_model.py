"""Whatever the table, the mapping and what people do in between: migration and rollback match the model."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localenv.database import Database
from localenv.postgres import PostgresServer
from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Replan
from support.foreseen import WRITTEN, Route, Row, Rows
from support.migrations import SPEC
from support.model import Model
from support.run_phases import phases_on, spec_of

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


@pytest.fixture(scope="module")
def shared(postgres: PostgresServer) -> Iterator[Database]:
    """One database for all examples; each has a table of its own."""
    created = Database.create(postgres)
    yield created
    created.drop()


def create(database: Database, rows: Rows) -> str:
    table = f"users_{next(_numbers)}"
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
    times = {None: None, written_at: WRITTEN}
    return {row[0]: Row(row[1], row[2], row[3], times[row[4]], {"note": row[5]}) for row in found}


async def follow(database: Database, model: Model, between: list[Edit], since: list[Edit]) -> None:
    """Migrate and roll back table and model side by side; they have to agree at each stop."""
    table = create(database, model.rows)
    columns = {"seniority": "seniority", "migratedAt": "migrated_at"}
    spec = spec_of(
        {"connection": SPEC["connection"]},
        target={"table": table, "columns": columns},
        mappings=[
            {"from": role, "to": route.to} | ({"seniority": route.seniority} if route.seniority else {})
            for role, route in model.routes.items()
        ],
        unmappedRoles="Keep",
        checks={"minimumScore": 0},
    )
    async with phases_on(database, spec, name=table.replace("_", "-")) as run:
        await run.until(Phase.MIGRATING)
        model.plan()
        for edit in between:
            edit.apply(database, table, model)
        if isinstance(await run.migrate(), Replan):
            model.plan()
            await run.until(Phase.VALIDATING)
        model.migrate()
        assert run.run.write is not None
        written_at = run.run.write.written_at
        assert content(database, table, written_at) == model.rows
        await run.until(Phase.DONE)
        for edit in since:
            edit.apply(database, table, model)
        assert isinstance(await run.roll_back(), Advance)
        expected = model.roll_back()
        assert content(database, table, written_at) == model.rows
        record = run.run.rollback
        assert record is not None
        assert (record.rows_restored, record.conflicts, record.remaining) == expected


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=tables, routes=mappings(), between=edits, since=edits)
def test_migration_and_rollback_match_the_model(
    shared: Database, rows: Rows, routes: dict[str, Route], between: list[Edit], since: list[Edit]
) -> None:
    asyncio.run(follow(shared, Model(routes, dict(rows)), between, since))
