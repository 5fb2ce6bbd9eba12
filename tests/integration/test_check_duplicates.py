"""Duplicates: no two rows are equal where no valid unique index keeps them apart."""

import psycopg
import pytest

from localenv.database import Database
from roleshift.api import RoleMigrationSpec
from roleshift.api.safety import CheckName, CheckResult
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.run_phases import spec_of
from support.tables import create_user_profiles

NAME = CheckName.DUPLICATES


@pytest.fixture
def profiles(emptied_database: Database) -> Database:
    """A table of 40 users whose roles the sample mapping names."""
    create_user_profiles(emptied_database, 40)
    return emptied_database


def build_in_vain(database: Database, index: str) -> None:
    """CREATE UNIQUE INDEX CONCURRENTLY that fails on duplicates and leaves an invalid index."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {index}")


async def test_a_table_whose_unique_indexes_are_valid_passes_without_a_scan(profiles: Database) -> None:
    found = await look(profiles)
    assert fallen(found) == {}
    assert judgement(found, NAME).message == "every unique index of public.user_profiles is valid"


async def test_duplicates_under_an_index_that_could_not_be_built_fail_with_their_keys(
    profiles: Database,
) -> None:
    profiles.execute("UPDATE user_profiles SET note = 'same' WHERE id IN (3, 7, 9)")
    profiles.execute("UPDATE user_profiles SET note = 'n' || id WHERE note <> 'same'")
    build_in_vain(profiles, "by_note ON user_profiles (note)")
    said = only_fallen(await look(profiles), NAME)
    assert said.message == (
        'public.user_profiles (note) has the invalid index "by_note", and 2 rows too many are there (rows '
        '3 and 9): remove or correct them, then REINDEX INDEX "by_note"'
    )


async def test_at_most_five_keys_are_named(profiles: Database) -> None:
    build_in_vain(profiles, "by_note ON user_profiles (note)")
    said = only_fallen(await look(profiles), NAME)
    assert "20 rows too many" in said.message
    keys = said.message.partition("(rows ")[2].partition(")")[0].split(", ")
    assert len(keys) == 5
    assert all(
        abs(int(one) - int(other)) == 20 for one, _, other in (pair.partition(" and ") for pair in keys)
    )


async def test_an_invalid_index_without_duplicates_is_a_warning(profiles: Database) -> None:
    profiles.execute("UPDATE user_profiles SET note = 'n' || id % 39")
    build_in_vain(profiles, "by_note ON user_profiles (note)")
    profiles.execute("DELETE FROM user_profiles WHERE id = 40")
    said = only_fallen(await look(profiles), NAME, CheckResult.WARNING)
    assert said.message.startswith(
        'unique index "by_note" is invalid and keeps nothing unique; no duplicates'
    )
    profiles.execute("REINDEX INDEX by_note")
    assert fallen(await look(profiles)) == {}


@pytest.mark.parametrize(
    ("index", "spoil", "duplicates"),
    [
        ("(lower(note))", "note = CASE id WHEN 1 THEN 'A' WHEN 2 THEN 'a' ELSE 'n' || id END", 1),
        ("(note) WHERE id < 20", "note = CASE WHEN id IN (2, 3, 30, 31) THEN 'x' ELSE 'n' || id END", 1),
        ("(note, seniority_level)", "note = 'x', seniority_level = CASE WHEN id < 4 THEN 'y' END", 2),
        (
            "(note, seniority_level) NULLS NOT DISTINCT",
            "note = 'x', seniority_level = CASE WHEN id < 4 THEN 'y' END",
            38,
        ),
        ("((note || '%'))", "note = CASE WHEN id < 3 THEN '100%' ELSE 'n' || id END", 1),
    ],
    ids=["expression", "predicate", "nulls distinct", "nulls not distinct", "percent sign"],
)
async def test_it_counts_what_the_index_would_refuse(
    profiles: Database, index: str, spoil: str, duplicates: int
) -> None:
    profiles.execute(f"UPDATE user_profiles SET {spoil}")
    build_in_vain(profiles, f"in_vain ON user_profiles {index}")
    said = only_fallen(await look(profiles), NAME)
    assert f"and {duplicates} row" in said.message


async def test_an_invalid_copy_beside_a_valid_index_does_no_harm(profiles: Database) -> None:
    with profiles.admin() as admin:
        admin.execute("CREATE UNIQUE INDEX email_copy ON user_profiles (email)")
        admin.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'email_copy'::regclass")
    assert fallen(await look(profiles)) == {}


def spec_of_users() -> RoleMigrationSpec:
    return spec_of(
        target={"table": "users"}, mappings=[{"from": "a", "to": "b"}], privileges={"order": ["b", "a"]}
    )


class TestPartitions:
    TABLE = """
        CREATE TABLE users (id int, region int, email text, role text, previous_role text,
            seniority_level text, role_migrated_at timestamptz, PRIMARY KEY (id, region))
            PARTITION BY LIST (region);
        CREATE TABLE users_1 PARTITION OF users FOR VALUES IN (1);
        CREATE TABLE users_2 PARTITION OF users FOR VALUES IN (2);
    """

    async def test_what_each_partition_keeps_unique_is_counted_over_all(
        self, emptied_database: Database
    ) -> None:
        emptied_database.execute(
            self.TABLE + "CREATE UNIQUE INDEX ON users_1 (email); CREATE UNIQUE INDEX ON users_2 (email);"
            "INSERT INTO users (id, region, email, role) VALUES (1, 1, 'x', 'a'), (2, 2, 'y', 'a')"
        )
        found = await look(emptied_database, spec_of_users())
        assert fallen(found) == {}
        assert "only partitions are unique for themselves" in judgement(found, NAME).message
        emptied_database.execute("UPDATE users SET email = 'x'")
        said = only_fallen(await look(emptied_database, spec_of_users()), NAME)
        assert said.message == (
            "public.users (email) is unique in each partition only, and 1 row too many is there (rows "
            "1, 1 and 2, 2): remove or correct them"
        )

    @pytest.mark.parametrize(
        "indexes",
        [
            "CREATE UNIQUE INDEX ON users_1 (email)",
            "CREATE UNIQUE INDEX ON users_1 (email, region); CREATE UNIQUE INDEX ON users_2 (region, email)",
            "CREATE UNIQUE INDEX ON users (email, region)",
        ],
        ids=["not in every partition", "with the partitioning's column", "on the whole table"],
    )
    async def test_what_is_meant_or_kept_otherwise_is_not_counted(
        self, emptied_database: Database, indexes: str
    ) -> None:
        emptied_database.execute(
            self.TABLE + f"{indexes};"
            "INSERT INTO users (id, region, email, role) VALUES (1, 1, 'x', 'a'), (2, 2, 'x', 'a')"
        )
        found = await look(emptied_database, spec_of_users())
        assert fallen(found) == {}
        assert judgement(found, NAME).message == "every unique index of public.users is valid"

    async def test_an_index_that_not_every_partition_has_is_invalid(self, emptied_database: Database) -> None:
        emptied_database.execute(
            self.TABLE + "CREATE UNIQUE INDEX whole ON ONLY users (email, region);"
            "INSERT INTO users (id, region, email, role) VALUES (1, 1, 'x', 'a'), (2, 1, 'x', 'a')"
        )
        said = only_fallen(await look(emptied_database, spec_of_users()), NAME)
        assert said.message.startswith('public.users (email, region) has the invalid index "whole", and 1')


async def test_what_may_not_be_asked_is_unknown(database: Database) -> None:
    create_user_profiles(database, 8)
    with database.admin() as admin:
        admin.execute("REVOKE EXECUTE ON FUNCTION bool_and(bool) FROM PUBLIC")
    said = only_fallen(await look(database), NAME, CheckResult.UNKNOWN)
    assert "permission denied for aggregate bool_and" in said.message


async def test_it_works_on_postgresql_16(database16: Database) -> None:
    create_user_profiles(database16, 40)
    build_in_vain(database16, "by_note ON user_profiles (note)")
    only_fallen(await look(database16, spec_of(privileges=JUDGED)), NAME)
