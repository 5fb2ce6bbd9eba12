"""A run may be about some rows only: the others are not touched, not counted and not in the image."""

from collections.abc import Callable
from typing import Any

import pytest

from localenv.database import Database
from support.foreseen import Row
from support.journeys import Begin
from support.sample_shapes import ARRAY, CYCLE, LOOKUP, MERGE, ROLE_IN_KEY, SCOPE, USER_ROLES
from support.shapes import Shape


def expression(column: str, operator: str, *values: str) -> dict[str, Any]:
    return {"column": column, "operator": operator, **({"values": list(values)} if values else {})}


def scoped(shape: Shape, in_scope: Callable[[Row], bool], *expressions: dict[str, Any]) -> Shape:
    """A shape whose run is about some rows only."""
    target = {**shape.target, "scope": {"matchExpressions": list(expressions)}}
    return shape.but(target=target, in_scope=in_scope)


def tenants(*wanted: int | None) -> Callable[[Row], bool]:
    return lambda row: row.rest["tenant_id"] in wanted


SCOPES = {
    "In one value": scoped(SCOPE, tenants(7), expression("tenant_id", "In", "7")),
    "In several": scoped(SCOPE, tenants(7, 9), expression("tenant_id", "In", "7", "9", "07")),
    "NotIn, and NULL is in no list": scoped(
        SCOPE, tenants(8, 9, None), expression("tenant_id", "NotIn", "7")
    ),
    "Exists": scoped(SCOPE, tenants(7, 8, 9), expression("tenant_id", "Exists")),
    "DoesNotExist": scoped(SCOPE, tenants(None), expression("tenant_id", "DoesNotExist")),
    "values as the type writes them": scoped(
        SCOPE,
        lambda row: row.rest["joined"] in ("2024-01-08", "2024-01-30") and row.rest["active"] is False,
        expression("joined", "In", "8 Jan 2024", "2024-01-30", "20240110"),
        expression("active", "NotIn", "yes"),
    ),
    "all expressions have to hold": scoped(
        SCOPE,
        lambda row: row.rest["tenant_id"] in (7, 8) and row.rest["active"] is True,
        expression("tenant_id", "In", "7", "8"),
        expression("active", "In", "t"),
        expression("tenant_id", "Exists"),
        expression("note", "DoesNotExist"),
    ),
    "two that contradict nothing on one column": scoped(
        SCOPE, tenants(8, 9), expression("tenant_id", "Exists"), expression("tenant_id", "NotIn", "7")
    ),
}
COLUMN = """;
    ALTER TABLE {table} ADD "Tenant %s" text COLLATE "C";
    UPDATE {table} SET "Tenant %s" = CASE {number} % 3 WHEN 0 THEN 'it''s' WHEN 1 THEN 'a%(b)s\\' END;
"""


def of_a_tenant(shape: Shape, number: str) -> Shape:
    """A shape with tenants of odd names; the run is about one of them."""
    changed = shape.but(sql=shape.sql + COLUMN.format(table=shape.table, number=number))
    return scoped(
        changed,
        lambda row: row.rest["Tenant %s"] == "a%(b)s\\",
        expression("Tenant %s", "In", "a%(b)s\\", "nobody's"),
    )


SHAPES = {
    "a lookup table": of_a_tenant(LOOKUP, "id"),
    "an array": of_a_tenant(ARRAY, "id"),
    "a role in the key": of_a_tenant(ROLE_IN_KEY, "user_id"),
    "a cycle of one user's roles": of_a_tenant(USER_ROLES.but(mappings=CYCLE), "user_id"),
    "roles of one user that become one": of_a_tenant(MERGE, "user_id"),
}


@pytest.mark.parametrize("shape", SCOPES.values(), ids=SCOPES)
def test_rows_outside_a_scope_are_nobodys_business(begin: Begin, shape: Shape) -> None:
    begin(shape).there_and_back()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_can_have_a_scope(begin: Begin, shape: Shape) -> None:
    begin(shape).there_and_back()


def test_a_role_outside_the_scope_needs_no_mapping(begin: Begin) -> None:
    strangers = """;
        UPDATE users SET role = 'stranger' WHERE id % 3 = 0 AND tenant_id IS DISTINCT FROM 7;
        UPDATE users SET role = 'member' WHERE tenant_id = 7 AND (role IS NULL OR role = 'guest');
    """
    begin(SCOPE.but(sql=SCOPE.sql + strangers, spec={})).there_and_back()


def test_what_others_do_outside_the_scope_stays_after_the_rollback(begin: Begin, database: Database) -> None:
    journey = begin(SCOPE)
    journey.forward()
    theirs = "SELECT id, role FROM users WHERE id > 100 OR tenant_id = 8 ORDER BY id"
    database.execute(
        "INSERT INTO users (id, tenant_id, role) VALUES (101, 8, 'admin'), (102, NULL, 'admin');"
        "UPDATE users SET role = 'admin' WHERE tenant_id = 8 AND id % 3 = 0"
    )
    after = database.query(theirs)
    journey.migration.roll_back()
    status = journey.ends_as("RolledBack")
    assert (status["rollback"]["result"], status["rollback"]["remaining"]) == ("Complete", 0)
    assert database.query(theirs) == after


def test_a_row_that_left_the_scope_since_goes_back(begin: Begin, database: Database) -> None:
    journey = begin(SCOPE)
    journey.forward()
    database.execute("UPDATE users SET tenant_id = 8, note = 'moved' WHERE role_migrated_at IS NOT NULL")
    journey.migration.roll_back()
    status = journey.ends_as("RolledBack")
    assert (status["rollback"]["conflicts"], status["rollback"]["remaining"]) == (0, 0)
    database.execute("UPDATE users SET tenant_id = 7, note = NULL WHERE note = 'moved'")
    journey.assert_as_before()
