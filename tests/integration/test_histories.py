"""Whatever people do before, between and since, whenever they ask, and whatever the rule for conflicts."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localenv.database import Database
from roleshift.api import OnConflict
from support.histories_of_shapes import ShapesHistory, follow_shapes, shapes_histories
from support.histories_of_users import UsersHistory, follow_users, users_histories
from support.history import Point
from support.random_shapes import KINDS, Draft, Edit

FEW = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""`make test-faults` follows ten times as many: tests/faults/test_histories.py."""


@FEW
@given(history=users_histories)
def test_migration_and_rollback_match_the_model(history_database: Database, history: UsersHistory) -> None:
    asyncio.run(follow_users(history_database, history))


@pytest.mark.parametrize("family", KINDS)
@FEW
@given(data=st.data())
def test_no_shape_loses_a_row(history_database: Database, family: str, data: st.DataObject) -> None:
    asyncio.run(follow_shapes(history_database, data.draw(shapes_histories(family))))


FOUND = ShapesHistory(
    draft=Draft(
        kind=KINDS["unique roles"][0],
        rows=[(2, 1, "a", None, 1), (5, 1, "b", None, 1), (6, 1, "c", None, 1), (7, 1, "d", None, 1)],
        mappings=[
            {"from": "a", "to": "a", "seniority": "senior"},
            {"from": "b", "to": "a"},
            {"from": "c", "to": "d"},
        ],
        scope=None,
        merge=True,
    ),
    between=[],
    during=[Edit("role", row=0, user=1, role="c", tenant=1)],
    since=[],
    point=Point.BEFORE_IT_IS_VERIFIED,
    on_conflict=OnConflict.OVERWRITE,
)
"""Row 2 kept its role in the run, and somebody gave it the role of row 6, which was merged away."""


@FEW
@given(history=st.just(FOUND))
def test_a_row_that_is_overwritten_makes_room(history_database: Database, history: ShapesHistory) -> None:
    asyncio.run(follow_shapes(history_database, history))
