"""Five hundred histories of each kind: see tests/integration/test_histories.py."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localenv.database import Database
from support.histories_of_shapes import follow_shapes, shapes_histories
from support.histories_of_users import UsersHistory, follow_users, users_histories
from support.random_shapes import KINDS

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
MANY = settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(history=users_histories)
def test_migration_and_rollback_match_the_model(history_database: Database, history: UsersHistory) -> None:
    asyncio.run(follow_users(history_database, history))


@pytest.mark.parametrize("family", KINDS)
@MANY
@given(data=st.data())
def test_no_shape_loses_a_row(history_database: Database, family: str, data: st.DataObject) -> None:
    asyncio.run(follow_shapes(history_database, data.draw(shapes_histories(family))))
