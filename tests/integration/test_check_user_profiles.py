"""UserProfiles: the target is a table with a key that identifies its rows."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.score import GateClosed
from roleshift.errors import Reason
from roleshift.phases.examination import Examination
from support.examinations import JUDGED, fallen, judgement, look
from support.run_phases import spec_of
from support.tables import create_user_profiles

DEPENDENT = {CheckName.ROLE_CONSISTENCY, CheckName.ROLE_TYPE, CheckName.MIGRATION_COLUMNS}
BARE = "CREATE TABLE user_profiles (id bigint, tenant bigint, role text, previous_role text,"
COLUMNS = "seniority_level text, role_migrated_at timestamptz)"


async def refusal(database: Database, **target: Any) -> str:
    """The message with which UserProfiles fails, and with it the gate."""
    found = await look(database, spec_of(privileges=JUDGED, target=target))
    said = judgement(found, CheckName.USER_PROFILES)
    assert said.result is CheckResult.FAILED, said
    assert fallen(found).get(CheckName.SERVER_VERSION) is None
    _is_closed_by(found, said.reason, said.message)
    return said.message


def _is_closed_by(found: Examination, reason: Reason, message: str) -> None:
    assert isinstance(found.gate, GateClosed)
    assert found.gate.reason is reason
    assert message in found.gate.message


async def test_a_missing_table_is_named_with_similar_ones(database: Database) -> None:
    database.execute("CREATE SCHEMA crm; CREATE TABLE crm.user_profiles (); CREATE TABLE user_profile ()")
    message = await refusal(database)
    assert "no table public.user_profiles" in message
    assert "similar: crm.user_profiles, public.user_profile" in message
    assert "spec.target.table" in message


async def test_what_can_not_be_judged_without_a_table_is_unknown(database: Database) -> None:
    found = await look(database)
    assert {name for name in DEPENDENT if fallen(found)[name] is CheckResult.UNKNOWN} == DEPENDENT
    assert judgement(found, CheckName.ROLE_TYPE).message == "can't be judged until UserProfiles passes"
    assert found.plan is None


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("view", "CREATE VIEW {} AS SELECT 1 AS id, 'admin' AS role"),
        ("materialized view", "CREATE MATERIALIZED VIEW {} AS SELECT 1 AS id, 'admin' AS role"),
        ("sequence", "CREATE SEQUENCE {}"),
    ],
)
async def test_what_is_no_table_is_refused_by_its_kind(database: Database, kind: str, statement: str) -> None:
    database.execute(statement.format("user_profiles"))
    message = await refusal(database)
    assert f"public.user_profiles is a {kind}, not a table" in message
    assert "spec.target.table" in message


async def test_a_foreign_table_is_refused_by_its_kind(database: Database) -> None:
    with database.admin() as admin:
        admin.execute("CREATE FOREIGN DATA WRAPPER elsewhere")
        admin.execute("CREATE SERVER there FOREIGN DATA WRAPPER elsewhere")
        admin.execute("CREATE FOREIGN TABLE user_profiles (id int, role text) SERVER there")
    assert "is a foreign table, not a table" in await refusal(database)


async def test_a_table_without_a_primary_key_is_refused_with_its_unique_indexes(database: Database) -> None:
    database.execute(f"{BARE} {COLUMNS}; CREATE UNIQUE INDEX ON user_profiles (tenant, id)")
    message = await refusal(database)
    assert "has no primary key" in message
    assert 'spec.target.keyColumns (unique: "tenant", "id")' in message


async def test_key_columns_that_are_not_there_are_named_with_the_ones_that_are(database: Database) -> None:
    create_user_profiles(database, 4)
    message = await refusal(database, keyColumns=["id", "uid"])
    assert 'keyColumns names "uid"' in message
    assert '(its columns: "id", "email"' in message


async def test_a_user_column_that_is_not_there_is_named(database: Database) -> None:
    create_user_profiles(database, 4)
    message = await refusal(database, userColumn="uid")
    assert 'spec.target.userColumn names "uid"' in message
    assert '(its columns: "id", "email"' in message


async def test_assignments_to_a_key_of_several_columns_need_a_user_column(database: Database) -> None:
    database.execute(f"{BARE} {COLUMNS}; ALTER TABLE user_profiles ADD PRIMARY KEY (tenant, id)")
    assignments = [{"table": "role_assignments", "userColumn": "user_id", "roleColumn": "role"}]
    message = await refusal(database, assignments=assignments)
    assert "name the column that holds the user in spec.target.userColumn" in message
    spec = spec_of(privileges=JUDGED, target={"assignments": assignments, "userColumn": "id"})
    assert judgement(await look(database, spec), CheckName.USER_PROFILES).result is CheckResult.PASSED


@pytest.mark.parametrize(
    "index",
    [
        "CREATE INDEX ON user_profiles (tenant)",
        "CREATE UNIQUE INDEX ON user_profiles (tenant) WHERE id > 0",
        "CREATE UNIQUE INDEX ON user_profiles ((tenant + 1))",
        "ALTER TABLE user_profiles ADD UNIQUE (tenant) DEFERRABLE",
    ],
    ids=["not unique", "partial", "on an expression", "deferrable"],
)
async def test_an_index_that_does_not_identify_rows_is_no_key(database: Database, index: str) -> None:
    database.execute(f"{BARE} {COLUMNS}; ALTER TABLE user_profiles ALTER tenant SET NOT NULL; {index}")
    message = await refusal(database, keyColumns=["tenant"])
    assert 'keyColumns "tenant" are not unique: create a unique index on them' in message


async def test_a_key_column_that_may_be_null_is_refused(database: Database) -> None:
    database.execute(f"{BARE} {COLUMNS}; CREATE UNIQUE INDEX ON user_profiles (tenant)")
    message = await refusal(database, keyColumns=["tenant"])
    assert 'key column "tenant" may be NULL' in message
    assert "SET NOT NULL" in message


async def test_a_unique_column_that_is_never_null_is_a_key(database: Database) -> None:
    create_user_profiles(database, 4)
    found = await look(database, spec_of(privileges=JUDGED, target={"keyColumns": ["email"]}))
    assert fallen(found) == {}
    assert found.plan is not None
    assert [column.name for column in found.plan.shape.key] == ["email"]


async def test_a_missing_role_column_is_named_with_the_columns_that_are_there(database: Database) -> None:
    create_user_profiles(database, 4)
    message = await refusal(database, columns={"role": "rôle"})
    assert 'has no column "rôle" (its columns: id, email, role,' in message
    assert "spec.target.columns.role" in message


async def test_rows_that_the_role_may_not_read_are_unknown(database: Database) -> None:
    create_user_profiles(database, 4)
    database.execute("ALTER TABLE user_profiles ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    said = judgement(await look(database), CheckName.USER_PROFILES)
    assert said.result is CheckResult.UNKNOWN
    assert "row-level security" in said.message


async def test_it_counts_rows_and_null_roles(database: Database) -> None:
    database.execute(f"{BARE} {COLUMNS}; ALTER TABLE user_profiles ADD PRIMARY KEY (id)")
    database.execute("INSERT INTO user_profiles (id, role) VALUES (1, 'admin'), (2, NULL)")
    said = judgement(await look(database), CheckName.USER_PROFILES)
    assert said.result is CheckResult.PASSED
    assert said.message == "public.user_profiles: 2 rows, 1 of them with a NULL role"


async def test_a_table_with_heirs_is_refused_since_no_key_holds_over_them(database: Database) -> None:
    create_user_profiles(database, 8)
    database.execute("CREATE TABLE old_profiles () INHERITS (user_profiles)")
    database.execute("INSERT INTO old_profiles (id, email, role) VALUES (1, 'twice', 'manager')")
    message = await refusal(database)
    assert "has tables that inherit from it (old_profiles), and no key holds over all of them" in message
