"""RoleConsistency: every role is mapped or kept, and the mapping hurts nobody unseen."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.errors import Reason
from roleshift.phases.examination import Examination
from support.examinations import JUDGED, ORDER, look, only_fallen
from support.run_phases import spec_of

NAME = CheckName.ROLE_CONSISTENCY
MEMBERS = """
    CREATE TABLE members (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, team bigint, role text,
        previous_role text, seniority_level text, role_migrated_at timestamptz
    );
"""
A_TO_C = [{"from": "a", "to": "c"}, {"from": "b", "to": "c"}]


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def look_at_members(database: Database, mappings: Any = A_TO_C, **changes: Any) -> Examination:
    order = {"order": ["c", "b", "a"]}
    spec = spec_of(target={"table": "members"}, mappings=mappings, privileges=order, **changes)
    return await look(database, spec)


async def test_a_role_that_no_mapping_names_fails_with_its_rows(profiles: Database) -> None:
    found = await look(profiles, spec_of(mappings=[{"from": "admin", "to": "lead"}]))
    said = only_fallen(found, NAME)
    assert said.reason is Reason.UNMAPPED_ROLES
    assert '"junior_dev" (10 rows), "manager" (10 rows), "senior_dev" (10 rows)' in said.message
    assert "spec.unmappedRoles: Keep" in said.message


async def test_unmapped_roles_pass_when_they_are_kept(profiles: Database) -> None:
    found = await look(
        profiles,
        spec_of(mappings=[{"from": "admin", "to": "lead"}], unmappedRoles="Keep", privileges=JUDGED),
    )
    only = [one.judgement for one in found.findings if one.name is NAME]
    assert only[0].result is CheckResult.PASSED
    assert only[0].message == "10 of 40 rows will change"


async def test_null_roles_fail_with_their_number(database: Database) -> None:
    database.execute(MEMBERS + "INSERT INTO members (role) VALUES ('a'), (NULL), (NULL)")
    said = only_fallen(await look_at_members(database), NAME)
    # Nobody holds b: that is said too once the NULLs are dealt with.
    assert said.reason is Reason.NULL_ROLES
    assert said.message.startswith("2 rows have no role (NULL)")
    assert "spec.unmappedRoles: Keep" in said.message


async def test_two_roles_of_one_user_that_become_one_are_foreseen(database: Database) -> None:
    database.execute(
        MEMBERS + "CREATE UNIQUE INDEX ON members (team, role);"
        "INSERT INTO members (team, role) VALUES (1, 'a'), (1, 'b'), (2, 'a'), (2, 'c'), (3, 'a')"
    )
    said = only_fallen(await look_at_members(database), NAME)
    assert said.reason is Reason.ROLE_COLLISION
    assert said.message == (
        "2 rows would share a unique value with another row once the roles are mapped (team 1; team 2): "
        "remove one row of each pair first, or set spec.target.onDuplicate: Merge to have it removed"
    )


async def test_at_most_five_collisions_are_named_by_what_they_share(database: Database) -> None:
    database.execute(
        MEMBERS
        + 'ALTER TABLE members ADD "User %" text; ALTER TABLE members ADD UNIQUE ("User %", role, team);'
        'INSERT INTO members ("User %", team, role)'
        " SELECT 'u' || n, 1, r FROM generate_series(1, 9) AS n, (VALUES ('a'), ('b')) AS v (r)"
    )
    said = only_fallen(await look_at_members(database), NAME)
    assert said.message.startswith("9 rows would share a unique value")
    assert said.message.count("User % u") == 5
    assert said.message.count(", team 1") == 5


async def test_rows_that_a_unique_index_takes_for_different_do_not_collide(database: Database) -> None:
    database.execute(
        MEMBERS + "CREATE UNIQUE INDEX ON members (team, role);"
        "INSERT INTO members (team, role) VALUES (NULL, 'a'), (NULL, 'b'), (1, 'b')"
    )
    found = await look_at_members(database)
    assert found.plan is not None
    assert found.plan.collisions == 0
    assert [one.result for one in found.findings if one.name is NAME] == [CheckResult.PASSED]


async def test_nulls_collide_where_the_index_says_that_they_are_not_distinct(database: Database) -> None:
    database.execute(
        MEMBERS + "CREATE UNIQUE INDEX ON members (team, role) NULLS NOT DISTINCT;"
        "INSERT INTO members (team, role) VALUES (NULL, 'a'), (NULL, 'b')"
    )
    assert only_fallen(await look_at_members(database), NAME).reason is Reason.ROLE_COLLISION


async def test_rows_that_a_partial_index_leaves_out_do_not_collide(database: Database) -> None:
    database.execute(
        MEMBERS + "CREATE UNIQUE INDEX ON members (team, role) WHERE seniority_level IS DISTINCT FROM 'gone';"
        "INSERT INTO members (team, role, seniority_level)"
        " VALUES (1, 'a', NULL), (1, 'b', 'gone'), (2, 'a', NULL), (2, 'b', NULL)"
    )
    said = only_fallen(await look_at_members(database), NAME)
    assert said.message.startswith("1 row would share a unique value")


@pytest.mark.parametrize(
    ("index", "shared"),
    [("(team) WHERE role = 'c'", "team 1"), ("(team, upper(role))", "team 1, upper(role) C")],
    ids=["predicate", "expression"],
)
async def test_rows_collide_where_the_index_reads_the_role(
    database: Database, index: str, shared: str
) -> None:
    database.execute(
        MEMBERS + f"CREATE UNIQUE INDEX ON members {index};"
        "INSERT INTO members (team, role) VALUES (1, 'a'), (1, 'b'), (2, 'a'), (3, 'b')"
    )
    said = only_fallen(await look_at_members(database), NAME)
    assert said.reason is Reason.ROLE_COLLISION
    assert said.message.startswith("1 row would share a unique value with another row")
    assert f"({shared})" in said.message


async def test_rows_that_an_index_will_leave_out_do_not_collide(database: Database) -> None:
    database.execute(
        MEMBERS + "CREATE UNIQUE INDEX ON members (team) WHERE role = 'a' OR role = 'other';"
        "INSERT INTO members (team, role) VALUES (1, 'a'), (1, 'b')"
    )
    found = await look_at_members(database)
    assert [one.result for one in found.findings if one.name is NAME] == [CheckResult.PASSED]


async def test_a_circle_under_an_index_with_a_predicate_is_refused(database: Database) -> None:
    database.execute(
        MEMBERS + "CREATE UNIQUE INDEX ON members (team, role) WHERE team > 0;"
        "INSERT INTO members (team, role) VALUES (1, 'a'), (2, 'b')"
    )
    circle = [{"from": "b", "to": "a"}, {"from": "a", "to": "b"}]
    said = only_fallen(await look_at_members(database, circle), NAME)
    assert said.reason is Reason.MAPPING_CHAIN
    assert "spec.mappings goes round in a circle by b" in said.message


async def test_a_mapping_that_makes_somebody_stronger_fails(profiles: Database) -> None:
    found = await look(profiles, spec_of(privileges={"order": ORDER[1:] + ORDER[:1]}))
    said = only_fallen(found, NAME)
    assert said.reason is Reason.ESCALATION_NOT_ALLOWED
    assert "junior_dev → developer (10 rows), senior_dev → developer (10 rows)" in said.message
    assert "spec.privileges.allowEscalation: true" in said.message


async def test_an_allowed_escalation_passes_and_stands_in_the_plan(profiles: Database) -> None:
    order = [*ORDER[1:], *ORDER[:1]]
    found = await look(profiles, spec_of(privileges={"order": order, "allowEscalation": True}))
    assert found.plan is not None
    assert found.plan.escalations == (
        "junior_dev → developer (10 rows)",
        "senior_dev → developer (10 rows)",
    )


async def test_the_last_administrator_can_not_be_migrated_away(profiles: Database) -> None:
    keep = {"order": ORDER, "keepAtLeast": [{"role": "manager", "count": 1}, {"role": "admin", "count": 10}]}
    said = only_fallen(await look(profiles, spec_of(privileges=keep)), NAME)
    assert said.reason is Reason.TOO_FEW_LEFT
    assert "manager: 0 rows left, 1 demanded" in said.message


async def test_a_role_that_nobody_has_is_a_warning(database: Database) -> None:
    database.execute(MEMBERS + "INSERT INTO members (role) VALUES ('a')")
    found = await look_at_members(database)
    said = only_fallen(found, NAME, CheckResult.WARNING)
    assert "nobody holds b: correct the spelling in spec.mappings" in said.message


async def test_without_an_order_it_warns_that_nothing_was_judged(profiles: Database) -> None:
    said = only_fallen(await look(profiles, spec_of()), NAME, CheckResult.WARNING)
    assert "not judged without spec.privileges.order" in said.message


async def test_an_order_that_leaves_out_a_role_is_a_warning(profiles: Database) -> None:
    found = await look(profiles, spec_of(privileges={"order": ORDER[:-1]}))
    said = only_fallen(found, NAME, CheckResult.WARNING)
    assert "escalations of admin are not judged" in said.message


async def test_rows_that_hold_a_new_role_already_are_left_alone(database: Database) -> None:
    database.execute(MEMBERS + "INSERT INTO members (role) VALUES ('a'), ('b'), ('c')")
    found = await look_at_members(database)
    judgement = next(one.judgement for one in found.findings if one.name is NAME)
    assert judgement.result is CheckResult.PASSED
    assert judgement.message == (
        '2 of 3 rows will change; already in a new role and left as they are: "c" (1 row)'
    )
