"""A scope: the checks look at its rows only, and refuse one that can't be asked."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Judgement
from roleshift.errors import Reason
from roleshift.phases.examination import Examination
from support.examinations import fallen, judgement, look
from support.sample_shapes import ORDER, SCOPE

COLUMNS = ("id", "tenant_id", "active", "joined", "note")
# Of tenant 7: five rows that a mapping names, two admins, one owner.
JUDGED = {"order": ORDER, "allowEscalation": True}


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """40 users of four tenants; NULL is one of them."""
    SCOPE.create(emptied_database)
    return emptied_database


async def examined(database: Database, *expressions: dict[str, Any], **changes: Any) -> Examination:
    """A look with that scope; without one: the rows of tenant 7."""
    target = {"scope": {"matchExpressions": list(expressions)}} if expressions else {}
    return await look(database, SCOPE.spec_of(**{"privileges": JUDGED, "target": target, **changes}))


async def refused(database: Database, expression: dict[str, Any]) -> Judgement:
    said = judgement(await examined(database, expression), CheckName.USER_PROFILES)
    assert said.result is CheckResult.FAILED, said
    assert "spec.target.scope" in said.message
    return said


async def test_only_its_rows_are_counted(database: Database) -> None:
    found = await examined(database)
    assert fallen(found) == {}
    assert found.plan is not None
    assert found.plan.proof.rows == len([n for n in range(4, 41, 4) if n % 7 in (0, 1, 2)])
    assert {cell.from_role for cell in found.plan.proof.cells} == {"member", "editor", "owner"}


async def test_a_column_that_is_not_there_is_named_with_those_that_are(database: Database) -> None:
    said = await refused(database, {"column": "tenant", "operator": "Exists"})
    assert '"tenant"' in said.message
    assert [name for name in COLUMNS if name not in said.message] == []


@pytest.mark.parametrize(
    ("column", "value"),
    [("tenant_id", "seven"), ("joined", "2024-02-30"), ("active", "maybe"), ("tenant_id", "")],
)
@pytest.mark.parametrize("operator", ["In", "NotIn"])
async def test_a_value_that_the_type_refuses_is_named(
    database: Database, column: str, operator: str, value: str
) -> None:
    said = await refused(database, {"column": column, "operator": operator, "values": [value]})
    assert f'"{value}"' in said.message


@pytest.mark.parametrize("column", ["role", "previous_role", "seniority_level", "role_migrated_at"])
async def test_a_column_that_the_run_writes_is_refused(database: Database, column: str) -> None:
    said = await refused(database, {"column": column, "operator": "Exists"})
    assert column in said.message


async def test_a_column_that_can_not_be_compared_is_refused(database: Database) -> None:
    database.execute("ALTER TABLE users ADD papers json")
    said = await refused(database, {"column": "papers", "operator": "In", "values": ["{}"]})
    assert "papers" in said.message
    found = await examined(database, {"column": "papers", "operator": "DoesNotExist"})
    assert fallen(found) == {}


async def test_a_scope_without_rows_is_a_warning(database: Database) -> None:
    found = await examined(database, {"column": "tenant_id", "operator": "In", "values": ["12"]})
    said = judgement(found, CheckName.ROLE_CONSISTENCY)
    assert said.result is CheckResult.WARNING
    assert "scope" in said.message
    assert found.plan is not None
    assert found.plan.proof.rows == 0


async def test_strangers_outside_are_nobodys_business(database: Database) -> None:
    database.execute(
        "UPDATE users SET role = 'stranger' WHERE tenant_id <> 7;"
        "UPDATE users SET role = 'member' WHERE tenant_id = 7 AND (role IS NULL OR role = 'guest')"
    )
    assert fallen(await examined(database, unmappedRoles="Fail")) == {}
    database.execute("UPDATE users SET role = 'stranger' WHERE id = 4")
    said = judgement(await examined(database, unmappedRoles="Fail"), CheckName.ROLE_CONSISTENCY)
    assert said.reason is Reason.UNMAPPED_ROLES
    assert '"stranger" (1 row)' in said.message


async def test_collisions_outside_are_nobodys_business(database: Database) -> None:
    database.execute(
        "ALTER TABLE users ADD person int; UPDATE users SET person = id;"
        "UPDATE users SET person = 99, role = 'member' WHERE id = 9;"
        "UPDATE users SET person = 99, role = 'editor' WHERE id = 10;"
        "CREATE UNIQUE INDEX ON users (person, role)"
    )
    found = await examined(database)
    assert fallen(found) == {}
    database.execute("UPDATE users SET tenant_id = 7 WHERE person = 99")
    said = judgement(await examined(database), CheckName.ROLE_CONSISTENCY)
    assert said.reason is Reason.ROLE_COLLISION


async def test_a_row_inside_may_collide_with_one_outside(database: Database) -> None:
    """The one outside holds the new role already and is not touched: the unique index knows no scope."""
    database.execute(
        "ALTER TABLE users ADD person int; UPDATE users SET person = id;"
        "UPDATE users SET person = 99, role = 'user', tenant_id = 8 WHERE id = 9;"
        "UPDATE users SET person = 99, role = 'editor', tenant_id = 7 WHERE id = 10;"
        "CREATE UNIQUE INDEX ON users (person, role)"
    )
    said = judgement(await examined(database), CheckName.ROLE_CONSISTENCY)
    assert said.reason is Reason.ROLE_COLLISION


class TestKeepAtLeast:
    """Under a scope: as many as demanded, or as many of its rows as held the role before."""

    async def said(self, database: Database, role: str, count: int) -> Judgement:
        keep = {**JUDGED, "keepAtLeast": [{"role": role, "count": count}]}
        return judgement(await examined(database, privileges=keep), CheckName.ROLE_CONSISTENCY)

    async def test_the_last_one_of_a_tenant_can_not_be_migrated_away(self, database: Database) -> None:
        said = await self.said(database, "owner", 1)
        assert said.reason is Reason.TOO_FEW_LEFT
        assert "owner: 0 rows left, 1 demanded" in said.message

    async def test_others_outside_do_not_make_up_for_it(self, database: Database) -> None:
        database.execute("UPDATE users SET role = 'owner' WHERE tenant_id = 8")
        assert (await self.said(database, "owner", 1)).reason is Reason.TOO_FEW_LEFT

    async def test_a_tenant_that_never_had_one_needs_none(self, database: Database) -> None:
        assert (await self.said(database, "boss", 1)).result is CheckResult.PASSED

    async def test_no_more_are_demanded_than_there_were(self, database: Database) -> None:
        assert (await self.said(database, "admin", 50)).result is CheckResult.PASSED

    async def test_without_a_scope_the_number_is_what_it_says(self, database: Database) -> None:
        keep = {**JUDGED, "keepAtLeast": [{"role": "boss", "count": 1}]}
        found = await examined(database, privileges=keep, target={"scope": None})
        assert judgement(found, CheckName.ROLE_CONSISTENCY).reason is Reason.TOO_FEW_LEFT


async def test_it_works_on_postgresql_16(database16: Database) -> None:
    SCOPE.create(database16)
    assert fallen(await examined(database16)) == {}
