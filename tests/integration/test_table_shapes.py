"""Keys and tables as applications have them: migrated, and back to the very same rows."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.outcome import Advance
from support.migrations import SPEC
from support.run_phases import phases_on, spec_of, there_and_back

BOOKKEEPING = "previous_role text, seniority_level text, role_migrated_at timestamptz"
BARE = {"previousRole": "", "seniority": "", "migratedAt": ""}


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


def shape(table: str, **target: Any) -> Any:
    base = {"connection": SPEC["connection"], "mappings": [{"from": "a", "to": "b"}]}
    return spec_of(base, target={"table": table, **target}, unmappedRoles="Keep")


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("id bigint PRIMARY KEY", "(1, 'a'), (2, 'c')"),
        ("id text PRIMARY KEY", "('it''s', 'a'), ('100%', 'a'), ('ß', 'c'), ('', 'a')"),
        ("id uuid PRIMARY KEY DEFAULT gen_random_uuid()", "(DEFAULT, 'a'), (DEFAULT, 'c')"),
        ("id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "(DEFAULT, 'a'), (DEFAULT, 'c')"),
        ("id timestamptz(6) PRIMARY KEY", "('2020-01-01 00:00:00.123456', 'a'), ('infinity', 'a')"),
        ("id numeric PRIMARY KEY", "(1.10, 'a'), (2, 'a'), ('NaN', 'a')"),
        ("id bytea PRIMARY KEY", r"('\x00ff', 'a'), ('\x', 'a')"),
        ("id inet PRIMARY KEY", "('10.0.0.1', 'a'), ('::1', 'c')"),
        ("id int4range PRIMARY KEY", "('[1,5)', 'a'), ('empty', 'a')"),
        ("id kind PRIMARY KEY", "('x', 'a'), ('y', 'a')"),
        ('id text COLLATE "C" PRIMARY KEY', "('A', 'a'), ('a', 'a')"),
    ],
    ids=lambda value: value.split()[1] if value.startswith("id") else "",
)
async def test_every_type_of_key(database: Database, key: str, rows: str) -> None:
    database.execute("CREATE TYPE kind AS ENUM ('x', 'y')")
    database.execute(f"CREATE TABLE users ({key}, role text, {BOOKKEEPING})")
    database.execute(f"INSERT INTO users (id, role) VALUES {rows}")
    moved = rows.count("'a')")

    def see() -> None:
        assert database.query("SELECT count(*) FROM users WHERE role = 'b'") == [(moved,)]

    await there_and_back(database, shape("users"), see)


async def test_a_composite_key(database: Database) -> None:
    database.execute(
        f"CREATE TABLE members (team int, name text, role text, {BOOKKEEPING}, PRIMARY KEY (team, name));"
        "INSERT INTO members (team, name, role) SELECT n % 3, 'n' || n, 'a' FROM generate_series(1, 30) AS n;"
        "INSERT INTO members (team, name, role) VALUES (1, 'c', 'c')"
    )

    def see() -> None:
        assert database.query("SELECT role, count(*) FROM members GROUP BY 1 ORDER BY 1") == [
            ("b", 30),
            ("c", 1),
        ]

    await there_and_back(database, shape("members"), see)


async def test_quoted_camel_case_as_prisma_writes_it(database: Database) -> None:
    database.execute("""
        CREATE TYPE "Role" AS ENUM ('MEMBER', 'ADMIN', 'OWNER');
        CREATE TABLE "Membership" (
            "userId" uuid NOT NULL, "teamId" uuid NOT NULL, "role" "Role" NOT NULL DEFAULT 'MEMBER',
            "previousRole" "Role", "migratedAt" timestamp(3), PRIMARY KEY ("userId", "teamId")
        );
        INSERT INTO "Membership" ("userId", "teamId", "role")
        SELECT gen_random_uuid(), gen_random_uuid(), (ARRAY['MEMBER', 'ADMIN'])[1 + n % 2]::"Role"
        FROM generate_series(1, 20) AS n;
    """)
    spec = spec_of(
        {"connection": SPEC["connection"]},
        target={
            "table": "Membership",
            "columns": {"previousRole": "previousRole", "seniority": "", "migratedAt": "migratedAt"},
        },
        mappings=[{"from": "ADMIN", "to": "OWNER"}, {"from": "MEMBER", "to": "ADMIN"}],
        checks={"minimumScore": 80},
    )

    def see() -> None:
        found = database.query(
            'SELECT "previousRole"::text, role::text, count(*) FROM "Membership" GROUP BY 1, 2'
        )
        assert sorted(found) == [("ADMIN", "OWNER", 10), ("MEMBER", "ADMIN", 10)]

    await there_and_back(database, spec, see)


@pytest.mark.parametrize("by", ["RANGE (id)", "HASH (id)"])
async def test_a_partitioned_table(database: Database, by: str) -> None:
    first, second = {
        "RANGE (id)": ("FROM (0) TO (15)", "FROM (15) TO (99)"),
        "HASH (id)": ("WITH (MODULUS 2, REMAINDER 0)", "WITH (MODULUS 2, REMAINDER 1)"),
    }[by]
    database.execute(f"""
        CREATE TABLE users (id int PRIMARY KEY, role text, {BOOKKEEPING}) PARTITION BY {by};
        CREATE TABLE users_1 PARTITION OF users FOR VALUES {first};
        CREATE TABLE users_2 (note text, role text, id int NOT NULL, {BOOKKEEPING});
        ALTER TABLE users_2 DROP COLUMN note;
        ALTER TABLE users ATTACH PARTITION users_2 FOR VALUES {second};
        INSERT INTO users (id, role) SELECT n, 'a' FROM generate_series(1, 30) AS n;
    """)

    def see() -> None:
        assert database.query("SELECT DISTINCT role FROM users") == [("b",)]

    await there_and_back(database, shape("users"), see)


async def test_a_minimal_table_done_without_bookkeeping(database: Database) -> None:
    database.execute("CREATE TABLE users (id int PRIMARY KEY, role text)")
    database.execute("INSERT INTO users VALUES (1, 'a'), (2, 'a'), (3, 'c')")

    def see() -> None:
        assert database.query("SELECT id, role FROM users ORDER BY 1") == [(1, "b"), (2, "b"), (3, "c")]

    await there_and_back(database, shape("users", columns=BARE), see)


@pytest.mark.parametrize("role", ["text", "varchar(3)", "kind", "letter"])
async def test_a_minimal_table_gets_what_it_lacks(database: Database, role: str) -> None:
    database.execute("CREATE TYPE kind AS ENUM ('a', 'c'); CREATE DOMAIN letter AS varchar(1)")
    database.execute(f"CREATE TABLE users (id int PRIMARY KEY, role {role})")
    database.execute("INSERT INTO users VALUES (1, 'a'), (2, 'a'), (3, 'c')")
    before = database.row_set_hash("users", ["id", "role"])
    spec = spec_of(
        {"connection": SPEC["connection"]},
        target={"table": "users"},
        mappings=[{"from": "a", "to": "b", "seniority": "senior"}],
        schemaChanges="AddMissing",
        unmappedRoles="Keep",
    )
    async with phases_on(database, spec) as run:
        await run.until(Phase.DONE)
        assert database.query(
            "SELECT id, role::text, previous_role::text, seniority_level, role_migrated_at IS NULL"
            " FROM users ORDER BY 1"
        ) == [(1, "b", "a", "senior", False), (2, "b", "a", "senior", False), (3, "c", None, None, True)]
        assert isinstance(await run.roll_back(), Advance)
    assert database.row_set_hash("users", ["id", "role"]) == before
    rest = database.query("SELECT previous_role::text, seniority_level, role_migrated_at FROM users")
    assert rest == [(None, None, None)] * 3


async def test_a_key_column_that_is_called_like_a_column_of_the_image(database: Database) -> None:
    database.execute(
        f"CREATE TABLE users (row_version int, key_1 text, xid int, role text, {BOOKKEEPING},"
        " PRIMARY KEY (key_1, row_version, xid));"
        "INSERT INTO users (row_version, key_1, xid, role) VALUES (1, '2', 3, 'a'), (2, '1', 3, 'a')"
    )
    async with phases_on(database, shape("users")) as run:
        await run.until(Phase.MIGRATING)
        database.execute("UPDATE users SET seniority_level = 'x' WHERE row_version = 1")
        before = database.row_set_hash("users")
        await run.until(Phase.DONE)
        assert isinstance(await run.roll_back(), Advance)
    assert database.row_set_hash("users") == before


async def test_columns_that_are_called_like_what_statements_use(database: Database) -> None:
    names = {"role": "from_role", "previousRole": "to_role", "seniority": "i", "migratedAt": "t"}
    database.execute(
        "CREATE TABLE m (seniority int PRIMARY KEY, from_role text, to_role text, i text, t timestamptz,"
        " row_version text, UNIQUE (row_version, from_role));"
        "INSERT INTO m VALUES (1, 'a', 'x', 'y', '2020-01-01', 'v'), (2, 'a', NULL, NULL, NULL, 'w')"
    )

    def see() -> None:
        assert database.query("SELECT from_role, to_role FROM m") == [("b", "a"), ("b", "a")]

    await there_and_back(database, shape("m", columns=names), see)


async def test_a_table_that_stands_in_the_way_of_the_catalog_is_no_hindrance(database: Database) -> None:
    """The session's search path begins with the target's schema: what is meant has to be qualified."""
    database.execute("""
        CREATE SCHEMA crm;
        CREATE TABLE crm.pg_locks (pid int); CREATE TABLE crm.pg_class (oid int);
        CREATE FUNCTION crm.count(text) RETURNS int LANGUAGE sql AS 'SELECT 7';
        CREATE TABLE crm.users (id int PRIMARY KEY, role text);
        INSERT INTO crm.users VALUES (1, 'a');
    """)

    def see() -> None:
        assert database.query("SELECT role FROM crm.users") == [("b",)]

    await there_and_back(database, shape("users", schema="crm", columns=BARE), see)


async def test_a_key_of_many_columns(database: Database) -> None:
    columns = [f"k{n}" for n in range(31)]
    database.execute(
        f"CREATE TABLE users ({', '.join(f'{c} int' for c in columns)}, role text,"
        f" PRIMARY KEY ({', '.join(columns)}));"
        f"INSERT INTO users VALUES ({', '.join('1' for _ in columns)}, 'a')"
    )

    def see() -> None:
        assert database.query("SELECT role FROM users") == [("b",)]

    await there_and_back(database, shape("users", columns=BARE), see)


async def test_a_key_that_the_manifest_chooses(database: Database) -> None:
    database.execute(
        f"CREATE TABLE users (id int PRIMARY KEY, tenant int NOT NULL, email text NOT NULL, role text,"
        f" {BOOKKEEPING}, UNIQUE (tenant, email));"
        "INSERT INTO users SELECT n, n % 2, 'u' || n, 'a' FROM generate_series(1, 20) AS n"
    )

    def see() -> None:
        assert database.query("SELECT DISTINCT role, previous_role FROM users") == [("b", "a")]

    await there_and_back(database, shape("users", keyColumns=["email", "tenant"]), see)
