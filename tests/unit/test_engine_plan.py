"""The plan as a value: what its hash covers and what not, and what it says of the lock."""

from dataclasses import replace
from typing import Any

import pytest

from roleshift.engine.cost import Cost
from roleshift.engine.mapping import Cell
from roleshift.engine.plan import AddColumn, AddEnumValue, Plan, make_plan, plan_hash
from support.engine_values import PROOF, SHAPE

COLUMN = AddColumn("previous_role", "text")
OTHER_TYPE = replace(SHAPE.role, type_name="character varying(20)")
CELL = PROOF.cells[0]


def hash_of(**changes: Any) -> str:
    parts: dict[str, Any] = {"immutable": {"target": "t"}, "waivers": [], "shape": SHAPE, "proof": PROOF}
    return plan_hash(**{**parts, "schema_changes": [COLUMN], **changes})


def plan(cost: Cost) -> Plan:
    return make_plan(
        immutable={},
        waivers=[],
        shape=SHAPE,
        proof=PROOF,
        schema_changes=[],
        collisions=0,
        escalations=[],
        cost=cost,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"immutable": {"target": "u"}},
        {"schema_changes": []},
        {"schema_changes": [AddColumn("previous_role", "varchar")]},
        {"schema_changes": [COLUMN, AddEnumValue("public.r", "lead")]},
        {"shape": replace(SHAPE, role=OTHER_TYPE)},
        {"shape": replace(SHAPE, key=(OTHER_TYPE,))},
        {"shape": replace(SHAPE, previous_role=SHAPE.role)},
        {"proof": replace(PROOF, cells=())},
        {"proof": replace(PROOF, cells=(CELL, Cell("c", "b", None, 1)))},
        {"proof": replace(PROOF, cells=(replace(CELL, to_role="c"),))},
        {"proof": replace(PROOF, cells=(replace(CELL, seniority="lead"),))},
    ],
)
def test_what_an_approval_is_about_changes_the_hash(changes: dict[str, Any]) -> None:
    assert hash_of(**changes) != hash_of()


@pytest.mark.parametrize(
    "changes",
    [
        {"proof": replace(PROOF, cells=(replace(CELL, rows=11),), after={"b": 11})},
        {"proof": replace(PROOF, unmapped={"x": 1}, null_rows=3)},
        {"shape": replace(SHAPE, oid=2)},
    ],
)
def test_counts_and_numbers_of_the_catalog_do_not(changes: dict[str, Any]) -> None:
    assert hash_of(**changes) == hash_of()


def test_the_order_of_the_mapping_does_not() -> None:
    other = Cell("c", "b", None, 1)
    forwards, backwards = replace(PROOF, cells=(CELL, other)), replace(PROOF, cells=(other, CELL))
    assert hash_of(proof=forwards) == hash_of(proof=backwards)


def test_an_estimate_does_not() -> None:
    assert plan(Cost(1, 2)).hash == plan(Cost()).hash


def test_the_lock_says_how_long_and_whom_it_keeps_waiting() -> None:
    assert plan(Cost(seconds=7)).lock == (
        "SHARE ROW EXCLUSIVE on public.user_profiles for about 7 s, until the commit: SELECT goes on; "
        "INSERT, UPDATE, DELETE, VACUUM and CREATE INDEX wait"
    )


def test_what_could_not_be_measured_is_not_invented() -> None:
    made = plan(Cost())
    assert (made.estimated_seconds, made.estimated_wal_bytes) == (None, None)
    assert "for as long as the write takes" in made.lock
