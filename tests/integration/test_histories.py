"""Whatever people do before, between and since, whenever they ask, and whatever the rule for conflicts."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localenv.database import Database
from support.histories_of_shapes import follow_shapes, shapes_histories
from support.histories_of_users import UsersHistory, follow_users, users_histories
from support.random_shapes import KINDS

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
