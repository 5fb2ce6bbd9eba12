"""Column types and mappings that applications really have: migrated as mapped, and back as they were."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.outcome import Advance
from support.migrations import SPEC, merged
from support.run_phases import phases_on, spec_of, there_and_back
from support.tables import create_user_profiles

A_TO_B: list[dict[str, Any]] = [{"from": "a", "to": "b", "seniority": "senior"}]
USERS = {"connection": SPEC["connection"], "target": {"table": "users"}, "mappings": A_TO_B}


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


def create_users(database: Database, **types: str) -> None:
    """Four users with the roles a, b, c and a; the bookkeeping columns hold older values."""
    role = types.pop("role", "text")
    kinds = {"previous_role": "text", "seniority_level": "text", "role_migrated_at": "timestamptz", **types}
    declared = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    database.execute(f"CREATE TABLE users (id int PRIMARY KEY, role {role}, {declared})")
    database.execute(
        "INSERT INTO users VALUES (1, 'a', 'c', 'junior', '2020-02-29 23:59:59.987654+00'),"
        " (2, 'b', NULL, NULL, NULL), (3, 'c', NULL, NULL, NULL), (4, 'a', NULL, NULL, NULL)"
    )


def migrated(database: Database) -> list[tuple[Any, ...]]:
    return database.query(
        "SELECT id, role::text, previous_role::text, seniority_level::text FROM users ORDER BY id"
    )


KEPT = [(2, "b", None, None), (3, "c", None, None)]
AS_MAPPED = [(1, "b", "a", "senior"), *KEPT, (4, "b", "a", "senior")]


@pytest.mark.parametrize(
    "migrated_at",
    [
        "timestamptz",
        "timestamp",
        "date",
        "timestamp(0)",
        "timestamptz(3)",
        "time",
        "text",
        "moment",
    ],
)
async def test_every_precision_of_the_time_comes_back(database: Database, migrated_at: str) -> None:
    database.execute("CREATE DOMAIN moment AS timestamptz(0) CHECK (VALUE > '1999-01-01')")
    create_users(database, role_migrated_at=migrated_at)

    def see() -> None:
        assert migrated(database) == AS_MAPPED
        written = database.query("SELECT count(role_migrated_at), count(*) FROM users WHERE role = 'b'")
        assert written == [(2, 3)]

    await there_and_back(database, spec_of(USERS, unmappedRoles="Keep"), see)


@pytest.mark.parametrize(
    "types",
    [
        {"role": "kind", "previous_role": "kind", "seniority_level": "level"},
        {"role": "kind", "previous_role": "text", "seniority_level": "varchar(6)"},
        {"role": "text", "previous_role": "kind", "seniority_level": "char(8)"},
        {"role": "varchar(1)", "previous_role": "varchar", "seniority_level": "text"},
        {"role": "char(1)", "previous_role": "char(3)", "seniority_level": "text"},
        {"role": "letter", "previous_role": "letter", "seniority_level": "text"},
        {"role": "known", "previous_role": "kind", "seniority_level": "text"},
        {"role": "text CHECK (role IN ('a', 'b', 'c'))", "previous_role": "name"},
        {"role": "text COLLATE \"C\" NOT NULL DEFAULT 'c'", "previous_role": "text DEFAULT 'none'"},
    ],
    ids=lambda types: types["role"],
)
async def test_every_type_of_role_comes_back(database: Database, types: dict[str, str]) -> None:
    database.execute(
        "CREATE TYPE kind AS ENUM ('c', 'b', 'a'); CREATE TYPE level AS ENUM ('junior', 'senior')"
    )
    database.execute("CREATE DOMAIN letter AS text CHECK (length(VALUE) = 1); CREATE DOMAIN known AS kind")
    create_users(database, **types)

    def see() -> None:
        stripped = [tuple(v.strip() if isinstance(v, str) else v for v in row) for row in migrated(database)]
        assert stripped == AS_MAPPED

    await there_and_back(database, spec_of(USERS, unmappedRoles="Keep"), see)


async def test_null_roles_are_kept_where_unmapped_roles_are(database: Database) -> None:
    create_users(database)
    database.execute("INSERT INTO users (id) VALUES (5), (6)")

    def see() -> None:
        assert migrated(database) == [*AS_MAPPED, (5, None, None, None), (6, None, None, None)]

    await there_and_back(database, spec_of(USERS, unmappedRoles="Keep"), see)


@pytest.mark.parametrize(
    ("routes", "after"),
    [
        ([("a", "b"), ("b", "a")], ["b", "a", "c", "b"]),
        ([("a", "b"), ("b", "c")], ["b", "c", "c", "b"]),
        ([("b", "c"), ("a", "b")], ["b", "c", "c", "b"]),
        ([("a", "b"), ("b", "c"), ("c", "a")], ["b", "c", "a", "b"]),
        ([("a", "c"), ("b", "c"), ("c", "d")], ["c", "c", "d", "c"]),
    ],
    ids=["a swap", "a chain", "a chain in the other order", "a ring", "into a role that leaves"],
)
async def test_swaps_and_chains_migrate_each_row_once(
    database: Database, routes: list[tuple[str, str]], after: list[str]
) -> None:
    create_users(database)
    mappings = [{"from": source, "to": target} for source, target in routes]

    def see() -> None:
        assert [row[1] for row in migrated(database)] == after

    spec = spec_of(merged(USERS, {"mappings": mappings}), unmappedRoles="Keep")
    await there_and_back(database, spec, see)


async def test_a_mapping_that_gives_only_a_seniority_leaves_the_role(database: Database) -> None:
    create_users(database)
    mappings = [{"from": "a", "to": "a", "seniority": "senior"}, {"from": "b", "to": "c"}]

    def see() -> None:
        assert migrated(database) == [
            (1, "a", "a", "senior"),
            (2, "c", "b", None),
            (3, "c", None, None),
            (4, "a", "a", "senior"),
        ]

    await there_and_back(database, spec_of(merged(USERS, {"mappings": mappings}), unmappedRoles="Keep"), see)


async def test_without_a_seniority_in_the_mapping_the_column_is_left_as_it_is(database: Database) -> None:
    create_users(database)

    def see() -> None:
        assert migrated(database) == [(1, "b", "a", "junior"), *KEPT, (4, "b", "a", None)]

    spec = spec_of(merged(USERS, {"mappings": [{"from": "a", "to": "b"}]}), unmappedRoles="Keep")
    await there_and_back(database, spec, see)


async def test_a_mapping_from_a_role_nobody_has_is_a_warning_and_the_rest_migrates(
    database: Database,
) -> None:
    database.execute("CREATE TYPE kind AS ENUM ('a', 'b', 'c')")
    create_users(database, role="kind", previous_role="kind")
    spec = spec_of(merged(USERS, {"mappings": [*A_TO_B, {"from": "typo", "to": "c"}]}), unmappedRoles="Keep")
    async with phases_on(database, spec) as run:
        await run.until(Phase.DONE)
        said = run.judgement(CheckName.ROLE_CONSISTENCY)
        assert said.result is CheckResult.WARNING
        assert "nobody holds typo" in said.message
    assert migrated(database) == AS_MAPPED


async def test_a_table_without_rows_to_move_is_done_and_comes_back(database: Database) -> None:
    create_users(database)
    database.execute("DELETE FROM users WHERE role = 'a'")
    before = database.row_set_hash("users")
    async with phases_on(database, spec_of(USERS, unmappedRoles="Keep")) as run:
        await run.until(Phase.DONE)
        assert run.run.write is not None
        assert run.run.write.rows == 0
        assert isinstance(await run.roll_back(), Advance)
    assert database.row_set_hash("users") == before


async def test_the_main_path_is_the_same_on_postgresql_16(database16: Database) -> None:
    create_user_profiles(database16, 1000)

    def see() -> None:
        roles = database16.query(
            "SELECT previous_role::text, role::text, seniority_level, count(*), count(role_migrated_at)"
            " FROM user_profiles GROUP BY 1, 2, 3 ORDER BY 1"
        )
        assert roles == [
            ("admin", "admin", "lead", 250, 250),
            ("junior_dev", "developer", "junior", 250, 250),
            ("manager", "lead", None, 250, 250),
            ("senior_dev", "developer", "senior", 250, 250),
        ]

    await there_and_back(database16, spec_of(), see)


async def test_missing_labels_and_columns_are_added_on_postgresql_16(database16: Database) -> None:
    database16.execute("CREATE TYPE kind AS ENUM ('a'); CREATE TABLE users (id int PRIMARY KEY, role kind)")
    database16.execute("INSERT INTO users VALUES (1, 'a'), (2, 'a')")
    async with phases_on(database16, spec_of(USERS, schemaChanges="AddMissing")) as run:
        await run.until(Phase.DONE)
        assert migrated(database16) == [(1, "b", "a", "senior"), (2, "b", "a", "senior")]
        assert isinstance(await run.roll_back(), Advance)
    assert database16.query("SELECT id, role::text FROM users ORDER BY 1") == [(1, "a"), (2, "a")]
    assert migrated(database16) == [(1, "a", None, None), (2, "a", None, None)]
