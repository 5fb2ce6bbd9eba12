"""The role column is an array: mapped element by element, what becomes equal is there once."""

import pytest

from localenv.database import Database
from support.journeys import Begin
from support.sample_shapes import (
    ARRAY,
    CHAIN,
    CYCLE,
    MERGING,
    ORDER,
    ROLES,
    SWAP,
    bookkeeping,
    listed,
    without_seniority,
)
from support.shapes import PLAIN, Names, Shape

TYPES = f"""
    CREATE TYPE app_role AS ENUM ({listed()});
    CREATE TYPE old_role AS ENUM ({listed(("member", "editor", "owner", "guest"))});
"""


def of_type(role_type: str) -> str:
    """The table's statements with another type of array."""
    return TYPES + ARRAY.sql.replace("text[]", role_type)


IN_EVERY_ORDER = ARRAY.but(
    sql=f"""
        CREATE TABLE users (id int PRIMARY KEY, role text[], {bookkeeping("text[]")});
        INSERT INTO users (id, role)
        SELECT row_number() OVER (), ARRAY[a, b, c]
        FROM unnest(ARRAY[{listed(ROLES[:4])}]) AS a, unnest(ARRAY[{listed(ROLES[:4])}]) AS b,
            unnest(ARRAY[{listed(("owner", "guest"))}]) AS c;
    """,
)
LACKING = ARRAY.but(
    sql=TYPES
    + """
        CREATE TABLE users (id int PRIMARY KEY, role old_role[] NOT NULL DEFAULT '{}');
        INSERT INTO users VALUES (1, '{member}'), (2, '{owner,guest,editor}'), (3, '{}'), (4, '{guest}');
    """,
    spec={**ARRAY.spec, "schemaChanges": "AddMissing"},
)
SHAPES = {
    "text": ARRAY,
    "an enum": ARRAY.but(sql=of_type("app_role[]")),
    "varchar": ARRAY.but(sql=of_type("varchar(6)[]")),
    "a check and an index": ARRAY.but(
        sql=ARRAY.sql + f"ALTER TABLE users ADD CHECK (array_remove(role, NULL) <@ ARRAY[{listed()}]);"
        "CREATE INDEX ON users USING gin (role)"
    ),
    "an enum that lacks the new roles": LACKING,
    "no bookkeeping": ARRAY.but(
        sql=ARRAY.sql.replace(bookkeeping("text[]"), "seniority_level text"),
        names=PLAIN,
        mappings=without_seniority(MERGING),
    ),
    "no seniority and no order": ARRAY.but(mappings=without_seniority(MERGING), order=()),
    "one seniority and no order": ARRAY.but(mappings=MERGING, order=()),
    "the strongest gives the seniority": IN_EVERY_ORDER,
    "the strongest is what the order says": IN_EVERY_ORDER.but(order=ORDER[::-1]),
    "every order of elements, in a chain": IN_EVERY_ORDER.but(mappings=CHAIN),
    "every order of elements, in a cycle": IN_EVERY_ORDER.but(mappings=CYCLE),
    "every order of elements, changing places": IN_EVERY_ORDER.but(mappings=SWAP),
    "quoted names": ARRAY.but(
        sql="""
            CREATE TYPE "Auth Role" AS ENUM ('member', 'it''s "me", {you}', 'user', 'NULL');
            CREATE TABLE users (id int PRIMARY KEY, "userRoles" "Auth Role"[], "previousRoles" "Auth Role"[]);
            INSERT INTO users VALUES
                (1, ARRAY['member', 'it''s "me", {you}']::"Auth Role"[]),
                (2, ARRAY['NULL', NULL, 'it''s "me", {you}']::"Auth Role"[]);
        """,
        names=Names("userRoles", "previousRoles", "", ""),
        mappings=[{"from": 'it\'s "me", {you}', "to": "user"}, {"from": "NULL", "to": "member"}],
    ),
    "partitions": ARRAY.but(
        sql=ARRAY.sql.replace(
            "note text);",
            "note text) PARTITION BY HASH (id);"
            "CREATE TABLE users_0 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
            "CREATE TABLE users_1 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 1);",
        )
    ),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_an_array_is_migrated_and_comes_back(begin: Begin, shape: Shape) -> None:
    begin(shape).there_and_back()


def test_elements_stay_in_place_and_are_there_once(begin: Begin, database: Database) -> None:
    journey = begin(ARRAY)
    status = journey.forward()
    roles = dict(database.query("SELECT id, role FROM users"))
    assert {name: roles[name] for name in (2, 4, 8, 9, 14)} == {
        2: ["user"],
        4: ["admin", "guest", "user"],
        8: ["guest", None, "user"],
        9: ["user"],
        14: ["user", "guest"],
    }
    cells = {cell["from"]: cell["rows"] for cell in status["plan"]["matrix"]}
    assert (status["plan"]["rows"], cells) == (10, {"member": 8, "editor": 3, "owner": 4})
    journey.back()
