"""A lookup table: its names are what the checks speak of, and what is wrong with it is said by name."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Judgement
from roleshift.errors import Reason
from roleshift.phases.examination import Examination
from support.examinations import fallen, judgement, look
from support.sample_shapes import LOOKUP, MERGING, ORDER

JUDGED = {"order": ORDER, "allowEscalation": True}


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """30 users whose role column holds keys of `roles`; five hold guest, which stays, and five nothing."""
    LOOKUP.create(emptied_database)
    return emptied_database


async def examined(database: Database, **changes: Any) -> Examination:
    return await look(database, LOOKUP.spec_of(privileges=JUDGED, **changes))


async def failed(database: Database, name: CheckName, **changes: Any) -> Judgement:
    said = judgement(await examined(database, **changes), name)
    assert said.result is CheckResult.FAILED, said
    return said


async def test_the_matrix_shows_names(database: Database) -> None:
    found = await examined(database)
    assert fallen(found) == {}
    assert found.plan is not None
    cells = {(cell.from_role, cell.to_role, cell.rows) for cell in found.plan.proof.cells}
    assert cells == {("member", "user", 5), ("editor", "user", 5), ("owner", "admin", 5)}
    assert "escalat" not in judgement(found, CheckName.ROLE_CONSISTENCY).message


@pytest.mark.parametrize("schema_changes", ["None", "AddMissing"])
async def test_a_new_role_that_it_lacks_is_named(database: Database, schema_changes: str) -> None:
    mappings = [{"from": "member", "to": "boss"}, {"from": "editor", "to": "it's me"}]
    said = await failed(database, CheckName.ROLE_TYPE, mappings=mappings, schemaChanges=schema_changes)
    for text in ("public.roles", "boss", "it's me"):
        assert text in said.message


@pytest.mark.parametrize("name", ["member", "user"], ids=["of an old role", "of a new role"])
async def test_a_name_that_is_there_twice_is_named(database: Database, name: str) -> None:
    database.execute("ALTER TABLE roles DROP CONSTRAINT roles_name_key")
    database.execute("INSERT INTO roles VALUES (99, %s)", [name])
    said = await failed(database, CheckName.ROLE_TYPE)
    assert "public.roles" in said.message
    assert name in said.message


async def test_a_name_that_no_mapping_uses_may_be_there_twice(database: Database) -> None:
    database.execute(
        "ALTER TABLE roles DROP CONSTRAINT roles_name_key; INSERT INTO roles VALUES (99, 'guest')"
    )
    assert fallen(await examined(database)) == {}


async def test_roles_without_a_mapping_are_shown_by_name(database: Database) -> None:
    database.execute("DELETE FROM users WHERE role IS NULL")
    said = await failed(database, CheckName.ROLE_CONSISTENCY, unmappedRoles="Fail")
    assert said.reason is Reason.UNMAPPED_ROLES
    assert '"guest" (5 rows)' in said.message


async def test_a_key_that_stands_for_nothing_is_unmapped(database: Database) -> None:
    database.execute(
        "ALTER TABLE users DROP CONSTRAINT users_role_fkey;"
        "DELETE FROM users WHERE role IS NULL OR role = 60; UPDATE users SET role = 77 WHERE id = 1"
    )
    said = await failed(database, CheckName.ROLE_CONSISTENCY, unmappedRoles="Fail")
    assert said.reason is Reason.UNMAPPED_ROLES
    assert "77" in said.message


async def test_no_role_is_still_no_role(database: Database) -> None:
    database.execute("DELETE FROM users WHERE role = 60")
    said = await failed(database, CheckName.ROLE_CONSISTENCY, unmappedRoles="Fail")
    assert said.reason is Reason.NULL_ROLES


@pytest.mark.parametrize(
    ("lookup", "wrong"),
    [
        ({"table": "rôles"}, "rôles"),
        ({"schema": "auth"}, "auth"),
        ({"keyColumn": "key"}, "key"),
        ({"nameColumn": "label"}, "label"),
    ],
    ids=["no such table", "no such schema", "no such key column", "no such name column"],
)
async def test_what_is_not_there_is_named_with_its_field(
    database: Database, lookup: dict[str, str], wrong: str
) -> None:
    found = await examined(database, target={"lookup": lookup})
    messages = [one.judgement.message for one in found.findings if one.result is CheckResult.FAILED]
    assert any("spec.target.lookup" in message and wrong in message for message in messages), messages


async def test_what_may_not_be_read_is_said(database: Database) -> None:
    with database.admin() as admin:
        admin.execute("ALTER TABLE roles OWNER TO CURRENT_USER; REVOKE ALL ON roles FROM PUBLIC")
        admin.execute(f'REVOKE ALL ON roles FROM "{database.owner}"')
    found = await examined(database)
    stopping = {
        one.name: one.judgement.message
        for one in found.findings
        if one.result in (CheckResult.FAILED, CheckResult.UNKNOWN) and one.severity == "Critical"
    }
    assert any("roles" in message for message in stopping.values()), fallen(found)


async def test_a_name_that_differs_in_case_is_another_one(database: Database) -> None:
    mappings = [*MERGING[1:], {"from": "Member", "to": "user"}]
    found = await examined(database, mappings=mappings)
    assert found.plan is not None
    assert [cell.from_role for cell in found.plan.proof.cells] == ["editor", "owner"]


async def test_it_works_on_postgresql_16(database16: Database) -> None:
    LOOKUP.create(database16)
    assert fallen(await examined(database16)) == {}
