"""Merge: what it will remove is counted and said; a row that others refer to is not removed."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.phases.examination import Examination
from support.examinations import fallen, judgement, look
from support.sample_shapes import MERGE, MERGING, ORDER

NAME = CheckName.ROLE_CONSISTENCY
GRANTS = """
    CREATE TABLE grants (id int PRIMARY KEY, membership bigint REFERENCES user_roles {action});
    INSERT INTO grants SELECT row_number() OVER (), id FROM user_roles WHERE user_id = 6 AND role <> 'user';
"""
"""User 6 holds member, editor and user: one or two of these rows would go."""


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """Users of whom nine hold several roles that become one."""
    MERGE.create(emptied_database)
    return emptied_database


async def examined(database: Database, **changes: Any) -> Examination:
    privileges = {"order": ORDER, "allowEscalation": True}
    return await look(database, MERGE.spec_of(privileges=privileges, **changes))


async def test_what_it_removes_is_counted_and_said(database: Database) -> None:
    found = await examined(database)
    assert set(fallen(found)) <= {NAME}
    assert found.plan is not None
    assert found.plan.collisions == 13
    said = judgement(found, NAME)
    assert said.result in (CheckResult.PASSED, CheckResult.WARNING)
    assert "13 of them by being merged" in said.message


async def test_keep_at_least_counts_what_is_left_after_it(database: Database) -> None:
    database.execute("DELETE FROM user_roles WHERE user_id NOT IN (3, 14) OR user_id IS NULL")
    keep = {"order": ORDER, "allowEscalation": True, "keepAtLeast": [{"role": "user", "count": 3}]}
    found = await look(database, MERGE.spec_of(privileges=keep))
    said = judgement(found, NAME)
    assert said.result is CheckResult.FAILED
    assert "user: 2 rows left, 3 demanded" in said.message


@pytest.mark.parametrize("action", ["", "ON DELETE CASCADE", "ON DELETE SET NULL"])
async def test_a_row_that_others_refer_to_is_not_removed(database: Database, action: str) -> None:
    database.execute(GRANTS.format(action=action))
    said = judgement(await examined(database), NAME)
    assert said.result is CheckResult.FAILED
    assert "grants" in said.message


async def test_without_collisions_there_is_nothing_to_say(database: Database) -> None:
    database.execute(GRANTS.format(action="ON DELETE CASCADE"))
    found = await examined(database, mappings=[MERGING[2]])
    assert fallen(found) == {}
    assert found.plan is not None
    assert found.plan.collisions == 0
