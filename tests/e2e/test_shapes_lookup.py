"""The role column holds a key of a lookup table: mappings use names, the table gets keys."""

from typing import Any

import pytest

from localenv.database import Database
from support.journeys import Begin
from support.sample_shapes import (
    CHAIN,
    CYCLE,
    HELD,
    KEEP,
    LOOKUP,
    MERGING,
    SWAP,
    USER_ROLES,
    bookkeeping,
    listed,
    without_seniority,
)
from support.shapes import PLAIN, Names, Shape

NAMES = f"unnest(ARRAY[{listed()}]) WITH ORDINALITY AS r (name, n)"


def users(roles: str, fill_roles: str, role: str, **changes: Any) -> Shape:
    """Users whose roles go round over the names that somebody holds.

    Args:
        roles: the columns of the lookup table `roles`.
        fill_roles: what is selected for it from each name and its number n.
        role: the type of the role column, and what it refers to.
    """
    return LOOKUP.but(
        sql=f"""
            CREATE TABLE roles ({roles});
            INSERT INTO roles SELECT {fill_roles} FROM {NAMES};
            CREATE TABLE users (id int PRIMARY KEY, role {role}, {bookkeeping(role)}, note text);
            INSERT INTO users (id, role)
            SELECT n, (SELECT r.id FROM roles AS r WHERE r.name::text = (ARRAY[{listed(HELD)}])[1 + n % 5])
            FROM generate_series(1, 20) AS n;
            INSERT INTO users VALUES (21);
        """,
        **changes,
    )


SIMPLE = LOOKUP.sql.split("UPDATE", maxsplit=1)[0].replace(bookkeeping("int") + ",", "")
QUOTED = LOOKUP.but(
    sql=f"""
        CREATE SCHEMA "Auth %s";
        CREATE TABLE "Auth %s"."Rôle's" ("Id ""1"" x" int PRIMARY KEY, "name%(a)s" text, "order" int);
        INSERT INTO "Auth %s"."Rôle's" SELECT n, name, 1 FROM {NAMES};
        CREATE TABLE users (
            id int PRIMARY KEY, "roleId" int REFERENCES "Auth %s"."Rôle's", "previousRoleId" int, note text
        );
        INSERT INTO users (id, "roleId") SELECT n, 1 + n % 4 FROM generate_series(1, 20) AS n;
    """,
    names=Names("roleId", "previousRoleId", "", ""),
    mappings=CHAIN,
    lookup='SELECT "Id ""1"" x", "name%(a)s" FROM "Auth %s"."Rôle\'s"',
    target={
        "lookup": {
            "schema": "Auth %s",
            "table": "Rôle's",
            "keyColumn": 'Id "1" x',
            "nameColumn": "name%(a)s",
        }
    },
)
WITHOUT_KEY = LOOKUP.but(
    sql=LOOKUP.sql.replace("REFERENCES roles", "")
    + "INSERT INTO users (id, role) VALUES (77, 77), (78, -1), (79, 0)"
)
MEMBERSHIPS = USER_ROLES.but(
    sql=f"""
        CREATE TABLE roles (id smallint PRIMARY KEY, name text UNIQUE);
        INSERT INTO roles SELECT 9 - n, name FROM {NAMES};
        CREATE TABLE user_roles (
            id int PRIMARY KEY, user_id int, role_id smallint NOT NULL REFERENCES roles, note text,
            UNIQUE (user_id, role_id)
        );
        INSERT INTO user_roles (id, user_id, role_id)
        SELECT row_number() OVER (ORDER BY (u * r.id) % 7, u), u, r.id
        FROM generate_series(1, 20) AS u, roles AS r
        WHERE (u * 37) & (1 << (9 - r.id)) > 0 AND r.name <> 'admin';
    """,
    names=Names("role_id", "", "", ""),
    lookup="SELECT id, name FROM roles",
    target=LOOKUP.target,
)
IN_KEY = MEMBERSHIPS.but(
    sql=MEMBERSHIPS.sql.replace("id int PRIMARY KEY", "id int").replace("UNIQUE (u", "PRIMARY KEY (u"),
    key=("user_id", ""),
)
SHAPES = {
    "integers": LOOKUP,
    "uuids": users("id uuid PRIMARY KEY, name text", "gen_random_uuid(), name", "uuid"),
    "codes": users("id char(3) PRIMARY KEY, name text", "'R' || n, name", "char(3)"),
    "names as an enum": users(
        "id bigint PRIMARY KEY, name role_name",
        "n, name::role_name",
        "bigint",
    ),
    "odd names in another schema": QUOTED,
    "no foreign key, and keys that stand for nothing": WITHOUT_KEY,
    "a plain table": LOOKUP.but(
        sql=SIMPLE,
        names=PLAIN,
        mappings=without_seniority(MERGING),
    ),
    "a plain table that gets what it lacks": LOOKUP.but(
        sql=SIMPLE,
        spec={**KEEP, "schemaChanges": "AddMissing"},
    ),
    "two roles that change places": LOOKUP.but(mappings=SWAP),
    "a chain of one user's roles": MEMBERSHIPS,
    "a cycle of one user's roles": MEMBERSHIPS.but(mappings=CYCLE),
    "roles of one user that become one": MEMBERSHIPS.but(
        mappings=without_seniority(MERGING),
        target={**LOOKUP.target, "onDuplicate": "Merge"},
    ),
    "a role in the key": IN_KEY,
    "a cycle of roles in the key": IN_KEY.but(mappings=CYCLE),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_lookup_table_is_migrated_and_comes_back(begin: Begin, database: Database, shape: Shape) -> None:
    database.execute(f"CREATE TYPE role_name AS ENUM ({listed()})")
    begin(shape).there_and_back()


def test_the_previous_role_is_kept_as_a_key(begin: Begin, database: Database) -> None:
    journey = begin(LOOKUP)
    journey.forward()
    assert database.query("SELECT role, previous_role FROM users WHERE id IN (1, 2) ORDER BY id") == [
        (40, 20),
        (50, 30),
    ]
