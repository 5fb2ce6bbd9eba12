"""Names as applications have them, however odd: migrated, and back to the very same rows."""

import secrets

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.outcome import Advance
from support.examinations import fallen, look
from support.migrations import SPEC
from support.run_phases import phases_on, spec_of, there_and_back

ODD = {
    "quotes": "the \"table\" isn't 'quoted'",
    "spaces": "  two  spaces   at both ends  ",
    "percent": "100% %s %(name)s %%",
    "braces": "{} {name} {{x}} $1 :y",
    "umlauts": "Größenäderungsübersicht-ß",
    "backslash": r"back\slash \x41 E'\n'",
    "line break": "two\nlines\tand a tab",
    "comment": "-- not; a /* comment",
    "keyword": "select",
    "63 bytes": "x" * 63,
    "63 bytes of umlauts": "ü" * 31 + "x",
    "63 bytes of it all": "%s \"'{}ü" * 7,
}


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def suffixed(name: str, suffix: str) -> str:
    """The name with a suffix, within 63 bytes."""
    kept = name.encode()[: 63 - len(suffix)].decode(errors="ignore")
    return kept + suffix


@pytest.mark.parametrize("name", ODD.values(), ids=ODD.keys())
async def test_a_table_with_columns_and_a_schema_of_odd_names(database: Database, name: str) -> None:
    assert len(name.encode()) <= 63
    schema, table = suffixed(name, "s"), name
    columns = {role: suffixed(name, role[:2]) for role in ("role", "previousRole", "seniority", "migratedAt")}
    key = suffixed(name, "key")
    kinds = dict(zip(columns.values(), ("text", "text", "text", "timestamptz"), strict=True))
    declared = ", ".join(f"{quoted(column)} {kind}" for column, kind in kinds.items())
    place = f"{quoted(schema)}.{quoted(table)}"
    database.execute(f"CREATE SCHEMA {quoted(schema)}")
    database.execute(f"CREATE TABLE {place} ({quoted(key)} int PRIMARY KEY, {declared})")
    role = quoted(columns["role"])
    database.execute(f"INSERT INTO {place} ({quoted(key)}, {role}) VALUES (1, 'a'), (2, 'b'), (3, 'a')")
    spec = spec_of(
        {"connection": SPEC["connection"]},
        target={"schema": schema, "table": table, "columns": columns},
        mappings=[{"from": "a", "to": "c", "seniority": "s"}, {"from": "b", "to": "d"}],
    )

    def see() -> None:
        found = database.query(f"SELECT {quoted(key)}, {role} FROM {place} ORDER BY 1")
        assert found == [(1, "c"), (2, "d"), (3, "c")]

    await there_and_back(database, spec, see)


@pytest.mark.parametrize("name", ODD.values(), ids=ODD.keys())
async def test_roles_and_seniorities_of_odd_names(database: Database, name: str) -> None:
    database.execute(
        "CREATE TABLE users (id int PRIMARY KEY, role text,"
        " previous_role text, seniority_level text, role_migrated_at timestamptz)"
    )
    database.execute("INSERT INTO users VALUES (1, %s), (2, 'b')", [name])
    mappings = [{"from": name, "to": f"{name}!", "seniority": name}, {"from": "b", "to": name}]
    spec = spec_of({"connection": SPEC["connection"]}, target={"table": "users"}, mappings=mappings)

    def see() -> None:
        found = database.query("SELECT role, previous_role, seniority_level FROM users ORDER BY id")
        assert found == [(f"{name}!", name, name), (name, "b", None)]

    await there_and_back(database, spec, see)


@pytest.mark.parametrize("name", ODD.values(), ids=ODD.keys())
async def test_labels_and_columns_of_odd_names_are_added(database: Database, name: str) -> None:
    label, kind = name, suffixed(name, "kind")
    columns = {"previousRole": suffixed(name, "pr"), "seniority": "", "migratedAt": ""}
    database.execute(f"CREATE TYPE {quoted(kind)} AS ENUM ('a')")
    database.execute(f"CREATE TABLE users (id int PRIMARY KEY, role {quoted(kind)} NOT NULL)")
    database.execute("INSERT INTO users VALUES (1, 'a'), (2, 'a')")
    spec = spec_of(
        {"connection": SPEC["connection"]},
        target={"table": "users", "columns": columns},
        mappings=[{"from": "a", "to": label}],
        schemaChanges="AddMissing",
    )
    async with phases_on(database, spec) as run:
        await run.until(Phase.DONE)
        kept = quoted(columns["previousRole"])
        found = database.query(f"SELECT role::text, {kept}::text FROM users")
        assert found == [(label, "a"), (label, "a")]
        assert isinstance(await run.roll_back(), Advance)
    assert database.query("SELECT id, role::text FROM users ORDER BY 1") == [(1, "a"), (2, "a")]


@pytest.mark.parametrize("name", ODD.values(), ids=ODD.keys())
async def test_what_a_message_tells_to_run_can_be_run(database: Database, name: str) -> None:
    table = quoted(name)
    database.execute(
        f"CREATE TABLE {table} (id int PRIMARY KEY, role text,"
        " previous_role text, seniority_level text, role_migrated_at timestamptz)"
    )
    database.execute(f"INSERT INTO {table} VALUES (1, 'a')")
    reader = f"reader {secrets.token_hex(4)}"
    database.server.create_role(reader, "reader")
    with database.admin() as admin:
        admin.execute(f"GRANT CREATE ON DATABASE {database.name} TO {quoted(reader)}")
    spec = spec_of(
        {"connection": SPEC["connection"]},
        target={"table": name},
        mappings=[{"from": "a", "to": "b"}],
        privileges={"order": ["b", "a"]},
    )
    uri = database.server.uri(database.name, reader, "reader", sslmode="disable")
    message = next(
        one.judgement.message
        for one in (await look(database, spec, uri=uri)).findings
        if one.name == "BackupPermissions"
    )
    with database.admin() as admin:
        admin.execute(message.removeprefix("the run's role lacks rights: ").encode())
    assert fallen(await look(database, spec, uri=uri)) == {}


async def test_what_the_plan_shows_is_what_runs(database: Database) -> None:
    name = ODD["spaces"]
    database.execute(f"CREATE TABLE users (id int PRIMARY KEY, {quoted(name)} text)")
    database.execute("INSERT INTO users VALUES (1, 'a')")
    columns = {"role": name, "previousRole": "%(x)s", "seniority": "", "migratedAt": ""}
    target = {"table": "users", "columns": columns}
    spec = spec_of(
        {"connection": SPEC["connection"]},
        target=target,
        mappings=[{"from": "a", "to": "b"}],
        schemaChanges="AddMissing",
    )
    plan = (await look(database, spec)).plan
    assert plan is not None
    assert plan.statements[0] == 'ALTER TABLE "public"."users" ADD COLUMN IF NOT EXISTS "%(x)s" text'
    image, lock, update = plan.statements[1:]
    assert lock == 'LOCK TABLE "public"."users" IN SHARE ROW EXCLUSIVE MODE'
    assert all(quoted(name) in text for text in (image, update))
