"""The role is part of the primary key, or says in which partition a row lies: rows change their keys."""

import pytest

from localenv.database import Database
from support.journeys import Begin
from support.sample_shapes import (
    CHAIN,
    CYCLE,
    HELD,
    KNOT,
    MERGING,
    ROLE_IN_KEY,
    ROLES,
    SWAP,
    bookkeeping,
    listed,
)
from support.shapes import PLAIN, Names, Shape

INSERT = f"""
    INSERT INTO user_roles (user_id, role, no, note)
    SELECT u, r::{{type}}, row_number() OVER (ORDER BY (u * n) % 7, u), 'user ' || u
    FROM generate_series(1, 20) AS u, unnest(ARRAY[{listed(HELD)}]) WITH ORDINALITY AS roles (r, n)
    WHERE (u * 37) & (1 << n::int) > 0;
"""
WITH_ORG = INSERT.replace("no, note)", "no, note, org)").replace("|| u", "|| u, gen_random_uuid()")


def of_type(role_type: str, statements: str, rest: str = "") -> Shape:
    """The table with another type of role, and what divides it."""
    definition = f"{bookkeeping(role_type)}, no int, note text, PRIMARY KEY (user_id, role)"
    return ROLE_IN_KEY.but(
        sql=f"""
            {statements}
            CREATE TABLE user_roles (user_id int, role {role_type}, {definition}) {rest};
            {INSERT.format(type=role_type)}
        """
    )


BY_ROLE = of_type(
    "text",
    "",
    """
        PARTITION BY LIST (role);
        CREATE TABLE user_roles_old PARTITION OF user_roles FOR VALUES IN ('member', 'editor');
        CREATE TABLE user_roles_owners PARTITION OF user_roles FOR VALUES IN ('owner')
            PARTITION BY HASH (user_id);
        CREATE TABLE user_roles_owners_0 PARTITION OF user_roles_owners
            FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE user_roles_owners_1 PARTITION OF user_roles_owners
            FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE user_roles_new (
            gone text, note text, no int, seniority_level text, role_migrated_at timestamptz,
            role text NOT NULL, previous_role text, user_id int NOT NULL
        );
        ALTER TABLE user_roles_new DROP COLUMN gone;
        ALTER TABLE user_roles ATTACH PARTITION user_roles_new FOR VALUES IN ('user', 'admin');
        CREATE TABLE user_roles_rest PARTITION OF user_roles DEFAULT
    """,
)
ENUM = of_type("app_role", f"CREATE TYPE app_role AS ENUM ({listed(sorted(ROLES))});")
THREE_COLUMNS = ROLE_IN_KEY.but(
    sql=f"""
        CREATE TABLE user_roles (
            role varchar(9), org uuid, user_id int, no int, note text, PRIMARY KEY (role, org, user_id)
        );
        {WITH_ORG.format(type="varchar(9)")}
    """,
    names=PLAIN,
    key=("", "org", "user_id"),
    target={"keyColumns": ["role", "org", "user_id"]},
)
TO_MERGE = {"onDuplicate": "Merge"}
SHAPES = {
    "a chain": ROLE_IN_KEY,
    "roles that change places": ROLE_IN_KEY.but(mappings=SWAP),
    "a cycle": ROLE_IN_KEY.but(mappings=CYCLE),
    "a knot": ROLE_IN_KEY.but(mappings=KNOT),
    "roles that become one": ROLE_IN_KEY.but(mappings=MERGING, target=TO_MERGE),
    "an enum, in a knot": ENUM.but(mappings=KNOT),
    "three columns, in a cycle": THREE_COLUMNS.but(mappings=CYCLE),
    "partitions by role": BY_ROLE,
    "partitions by role, changing places": BY_ROLE.but(mappings=SWAP),
    "partitions by role, in a knot": BY_ROLE.but(mappings=KNOT),
    "partitions by role that become one": BY_ROLE.but(mappings=MERGING, target=TO_MERGE),
    "a role column called like what statements use": ROLE_IN_KEY.but(
        sql=ROLE_IN_KEY.sql.replace(" role text", ' "to_role" text').replace(
            "(user_id, role", '(user_id, "to_role"'
        ),
        names=Names(role="to_role"),
        mappings=CYCLE,
    ),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_role_in_the_key_is_migrated_and_comes_back(begin: Begin, shape: Shape) -> None:
    begin(shape).there_and_back()


def test_the_image_holds_the_old_key_and_the_new_one(begin: Begin, database: Database) -> None:
    status = begin(ROLE_IN_KEY).forward()
    image = status["backup"]["name"]
    held = database.query(f'SELECT to_jsonb(i) FROM roleshift."{image}" AS i')
    routes = {one["from"]: one["to"] for one in CHAIN}
    for (row,) in held:
        values = set(map(str, row.values()))
        assert any({old, new} <= values for old, new in routes.items()), row


def test_what_others_wrote_beside_the_role_is_kept(begin: Begin, database: Database) -> None:
    journey = begin(BY_ROLE.but(mappings=KNOT))
    journey.forward()
    database.execute("UPDATE user_roles SET note = 'seen'")
    journey.migration.roll_back()
    status = journey.ends_as("RolledBack")
    assert (status["rollback"]["result"], status["rollback"]["conflicts"]) == ("Complete", 0)
    assert database.query("SELECT DISTINCT note FROM user_roles") == [("seen",)]
    database.execute("UPDATE user_roles SET note = 'user ' || user_id")
    assert database.row_set_hash("user_roles") == journey.hash


def test_a_role_that_no_partition_takes_ends_the_run_and_changes_nothing(begin: Begin) -> None:
    closed = BY_ROLE.sql.replace(
        "PARTITION OF user_roles DEFAULT", "PARTITION OF user_roles FOR VALUES IN ('guest')"
    )
    said = begin(BY_ROLE.but(sql=closed, mappings=[{"from": "owner", "to": "boss"}])).refused()
    assert "no partition" in said
