"""Arrays of roles: elements are counted, and which seniority a row gets must not be a matter of chance."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Judgement
from roleshift.errors import Reason
from roleshift.phases.examination import Examination
from support.examinations import fallen, judgement, look
from support.sample_shapes import ARRAY, ORDER, listed
from support.shapes import Shape

RANKED = [
    {"from": "member", "to": "user", "seniority": "junior"},
    {"from": "owner", "to": "admin", "seniority": "lead"},
]


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def examined(database: Database, shape: Shape = ARRAY, **changes: Any) -> Examination:
    shape.create(database)
    return await look(database, shape.spec_of(**changes))


async def failed(database: Database, name: CheckName, shape: Shape = ARRAY, **changes: Any) -> Judgement:
    said = judgement(await examined(database, shape, **changes), name)
    assert said.result is CheckResult.FAILED, said
    return said


async def test_the_matrix_counts_elements_and_the_plan_counts_rows(database: Database) -> None:
    found = await examined(database)
    assert fallen(found) == {}
    assert found.plan is not None
    cells = {(cell.from_role, cell.rows) for cell in found.plan.proof.cells}
    assert cells == {("member", 8), ("editor", 3), ("owner", 4)}
    assert judgement(found, CheckName.ROLE_CONSISTENCY).message.startswith("10 of 15 rows will change")


@pytest.mark.parametrize("role_type", ["text[]", "app_role[]"])
async def test_arrays_of_arrays_are_refused(database: Database, role_type: str) -> None:
    statements = f"""
        CREATE TYPE app_role AS ENUM ({listed()});
        {ARRAY.sql.replace("text[]", role_type)}
        INSERT INTO users (id, role) VALUES (99, '{{{{member,owner}},{{guest,user}}}}');
    """
    said = await failed(database, CheckName.ROLE_TYPE, ARRAY.but(sql=statements))
    assert "dimension" in said.message


async def test_two_seniorities_need_an_order(database: Database) -> None:
    shape = ARRAY.but(mappings=RANKED, order=())
    said = await failed(database, CheckName.ROLE_CONSISTENCY, shape)
    for text in ("spec.privileges.order", "user", "admin"):
        assert text in said.message


@pytest.mark.parametrize(("order", "lacking"), [(["user"], "admin"), (["admin", "member"], "user")])
async def test_an_order_that_lacks_a_role_with_a_seniority_is_not_enough(
    database: Database, order: list[str], lacking: str
) -> None:
    shape = ARRAY.but(mappings=RANKED, order=order)
    said = await failed(database, CheckName.ROLE_CONSISTENCY, shape)
    assert "spec.privileges.order" in said.message
    assert lacking in said.message


@pytest.mark.parametrize(
    ("order", "seniorities"),
    [(["user", "admin"], ("junior", "lead")), ([], ("lead", "lead")), ([], ("junior", None))],
    ids=["both are ranked", "both give the same", "only one gives any"],
)
async def test_what_leaves_no_doubt_passes(
    database: Database, order: list[str], seniorities: tuple[str | None, ...]
) -> None:
    mappings = [
        {**one, "seniority": seniority} if seniority else {"from": one["from"], "to": one["to"]}
        for one, seniority in zip(RANKED, seniorities, strict=True)
    ]
    found = await examined(database, ARRAY.but(mappings=mappings, order=order))
    said = judgement(found, CheckName.ROLE_CONSISTENCY)
    assert said.result in (CheckResult.PASSED, CheckResult.WARNING), said


@pytest.mark.parametrize("null", ["NULL", "ARRAY['member', NULL]"], ids=["an array", "an element"])
async def test_null_counts_as_unmapped(database: Database, null: str) -> None:
    rows = f"DELETE FROM users; INSERT INTO users (id, role) VALUES (1, {null}), (2, '{{owner}}')"
    shape = ARRAY.but(sql=ARRAY.sql + rows)
    said = await failed(database, CheckName.ROLE_CONSISTENCY, shape, unmappedRoles="Fail")
    assert said.reason in (Reason.NULL_ROLES, Reason.UNMAPPED_ROLES)
    assert "NULL" in said.message


async def test_an_element_that_no_mapping_names_is_unmapped(database: Database) -> None:
    shape = ARRAY.but(
        sql=ARRAY.sql
        + "DELETE FROM users; INSERT INTO users (id, role) VALUES (1, '{member,guest}'), (2, '{}')"
    )
    said = await failed(database, CheckName.ROLE_CONSISTENCY, shape, unmappedRoles="Fail")
    assert said.reason is Reason.UNMAPPED_ROLES
    assert '"guest"' in said.message


async def test_an_empty_array_is_no_trouble(database: Database) -> None:
    shape = ARRAY.but(
        sql=ARRAY.sql + "DELETE FROM users; INSERT INTO users (id, role)"
        " VALUES (1, '{member}'), (2, '{}'), (3, '{editor,owner}')"
    )
    assert fallen(await examined(database, shape, unmappedRoles="Fail")) == {}


async def test_an_escalation_of_one_element_is_judged(database: Database) -> None:
    found = await examined(database, privileges={"order": ORDER, "allowEscalation": False})
    said = judgement(found, CheckName.ROLE_CONSISTENCY)
    assert said.reason is Reason.ESCALATION_NOT_ALLOWED
    assert "member → user" in said.message


async def test_a_label_that_the_elements_type_lacks_is_named(database: Database) -> None:
    statements = f"""
        CREATE TYPE old_role AS ENUM ('member', 'editor', 'owner', 'guest', 'user');
        {ARRAY.sql.replace("text[]", "old_role[]").replace("admin,", "")}
    """
    said = await failed(database, CheckName.ROLE_TYPE, ARRAY.but(sql=statements))
    assert said.reason is Reason.ROLE_NOT_IN_TYPE
    assert '"admin"' in said.message
    assert "spec.schemaChanges: AddMissing" in said.message


async def test_it_works_on_postgresql_16(database16: Database) -> None:
    assert fallen(await examined(database16, ARRAY.but(order=ORDER))) == {}
