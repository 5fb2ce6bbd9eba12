"""Role columns and constraints as applications have them: migrated, and back to the very same rows."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase
from support.migrations import SPEC
from support.run_phases import phases_on, spec_of, there_and_back

BARE = {"previousRole": "", "seniority": "", "migratedAt": ""}
CHAIN = {"a": "b", "b": "c"}
SWAP = {"a": "b", "b": "a"}
CIRCLE = {"a": "b", "b": "c", "c": "a", "d": "a"}


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


def mapped(moves: dict[str, str], /, table: str = "user_roles", **changes: Any) -> Any:
    base = {
        "connection": SPEC["connection"],
        "mappings": [{"from": old, "to": new} for old, new in moves.items()],
    }
    target = {"table": table, "columns": BARE, **changes.pop("target", {})}
    return spec_of(base, target=target, unmappedRoles="Keep", checks={"minimumScore": 0}, **changes)


TABLES = {
    "unique": "CREATE TABLE user_roles (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id int,"
    " role text NOT NULL, granted timestamptz DEFAULT now(), UNIQUE (user_id, role))",
    "in the key": "CREATE TABLE user_roles (user_id int, role text, note text, PRIMARY KEY (user_id, role))",
    "partitioned": "CREATE TABLE user_roles (user_id int, role text, PRIMARY KEY (user_id, role))"
    " PARTITION BY LIST (role);"
    " CREATE TABLE user_roles_ab PARTITION OF user_roles FOR VALUES IN ('a', 'b');"
    " CREATE TABLE user_roles_rest PARTITION OF user_roles DEFAULT",
}
FILL = (
    "INSERT INTO user_roles (user_id, role) SELECT u, r FROM generate_series(1, 40) AS u,"
    " unnest(ARRAY['a','b','c','d','x']) AS r WHERE (u * 7 + ascii(r) * 3) %% 5 < 3"
).replace("%%", "%")


@pytest.mark.parametrize("moves", [CHAIN, SWAP, {"a": "b", "b": "c", "c": "a"}, {"a": "n"}], ids=str)
@pytest.mark.parametrize("table", TABLES)
async def test_a_unique_constraint_on_the_role(database: Database, table: str, moves: dict[str, str]) -> None:
    database.execute(TABLES[table])
    database.execute(FILL)
    if moves == CHAIN:
        database.execute("DELETE FROM user_roles WHERE role = 'c'")
    before = database.query("SELECT user_id, role FROM user_roles")
    expected = sorted((user, moves.get(role, role)) for user, role in before)

    def see() -> None:
        assert sorted(database.query("SELECT user_id, role FROM user_roles")) == expected

    await there_and_back(database, mapped(moves), see)


@pytest.mark.parametrize("moves", [{"a": "n", "b": "n"}, {"a": "x", "b": "x"}, CIRCLE, CHAIN], ids=str)
@pytest.mark.parametrize("table", TABLES)
async def test_merge(database: Database, table: str, moves: dict[str, str]) -> None:
    database.execute(TABLES[table])
    database.execute(FILL)
    before = database.query("SELECT user_id, role FROM user_roles")
    expected = sorted({(user, moves.get(role, role)) for user, role in before})

    def see() -> None:
        assert sorted(database.query("SELECT user_id, role FROM user_roles")) == expected

    await there_and_back(database, mapped(moves, target={"onDuplicate": "Merge"}), see)


@pytest.mark.parametrize("kind", ["text[]", "app_role[]", "roles"])
async def test_arrays(database: Database, kind: str) -> None:
    database.execute("CREATE TYPE app_role AS ENUM ('a', 'b', 'c', 'n'); CREATE DOMAIN roles AS text[]")
    database.execute(
        f"CREATE TABLE user_roles (id int PRIMARY KEY, role {kind}, previous_role {kind}, s text)"
    )
    database.execute(
        "INSERT INTO user_roles VALUES (1, '{a,b}', NULL, NULL), (2, '{c}', NULL, NULL),"
        " (3, '{b,c,a}', NULL, NULL), (4, '{}', NULL, NULL), (5, '{a}', '{c}', 'x')"
    )
    spec = spec_of(
        {
            "connection": SPEC["connection"],
            "mappings": [
                {"from": "a", "to": "n", "seniority": "junior"},
                {"from": "b", "to": "n", "seniority": "senior"},
            ],
        },
        target={
            "table": "user_roles",
            "columns": {"previousRole": "previous_role", "seniority": "s", "migratedAt": ""},
        },
        privileges={"order": ["c", "n"]},
        unmappedRoles="Keep",
        checks={"minimumScore": 0},
    )

    def see() -> None:
        found = database.query("SELECT id, role::text, previous_role::text, s FROM user_roles ORDER BY id")
        assert found == [
            (1, "{n}", "{a,b}", "junior"),
            (2, "{c}", None, None),
            (3, "{n,c}", "{b,c,a}", "junior"),
            (4, "{}", None, None),
            (5, "{n}", "{a}", "junior"),
        ]

    await there_and_back(database, spec, see)


async def test_a_lookup_table(database: Database) -> None:
    database.execute("CREATE TABLE roles (id int PRIMARY KEY, name text)")
    database.execute("INSERT INTO roles VALUES (1, 'a'), (2, 'b'), (3, 'n')")
    database.execute(
        "CREATE TABLE user_roles (id int PRIMARY KEY, role int REFERENCES roles, previous_role int)"
    )
    database.execute("INSERT INTO user_roles VALUES (1, 1), (2, 2), (3, 1), (4, 3)")
    lookup = {"table": "roles", "keyColumn": "id", "nameColumn": "name"}
    target = {"lookup": lookup, "columns": {**BARE, "previousRole": "previous_role"}}

    def see() -> None:
        found = database.query("SELECT * FROM user_roles ORDER BY id")
        assert found == [(1, 3, 1), (2, 2, None), (3, 3, 1), (4, 3, None)]

    await there_and_back(database, mapped({"a": "n"}, target=target), see)


async def test_a_scope(database: Database) -> None:
    database.execute("CREATE TABLE user_roles (id int PRIMARY KEY, role text, tenant bigint)")
    database.execute("INSERT INTO user_roles VALUES (1, 'a', 7), (2, 'a', 8), (3, 'b', 7), (4, 'a', NULL)")
    scope = {"matchExpressions": [{"column": "tenant", "operator": "In", "values": ["7"]}]}

    def see() -> None:
        assert database.query("SELECT id FROM user_roles WHERE role = 'n'") == [(1,)]

    await there_and_back(database, mapped({"a": "n"}, target={"scope": scope}), see)


async def test_what_a_cohort_got_is_not_migrated_again(database: Database) -> None:
    database.execute("CREATE TABLE user_roles (id int PRIMARY KEY, role text, beta boolean)")
    database.execute(
        "INSERT INTO user_roles VALUES (1, 'a', true), (2, 'a', false), (3, 'b', true), (4, 'b', false)"
    )
    scope = {"matchExpressions": [{"column": "beta", "operator": "In", "values": ["true"]}]}
    async with phases_on(database, mapped(CHAIN, target={"scope": scope}), name="cohort") as run:
        await run.until(Phase.DONE)

    def see() -> None:
        found = database.query("SELECT id, role FROM user_roles ORDER BY id")
        assert found == [(1, "b"), (2, "b"), (3, "c"), (4, "c")]

    await there_and_back(database, mapped(CHAIN), see)
