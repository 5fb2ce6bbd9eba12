"""Small tables of every shape that needs more than one role in one column, each with its migration.

Tests run them as they are, or change one thing of them with `Shape.but`.
"""

from collections.abc import Iterable, Mapping, Sequence

from support.shapes import Shape

ROLES = ("member", "editor", "owner", "user", "admin", "guest")
HELD = ("member", "editor", "owner", "user", "guest")
"""Nobody holds admin but where a table says so: it is free to be the end of a chain."""
ORDER = ("guest", "member", "editor", "user", "owner", "admin")
MERGING = (
    {"from": "member", "to": "user"},
    {"from": "editor", "to": "user"},
    {"from": "owner", "to": "admin", "seniority": "lead"},
)
CHAIN = (
    {"from": "member", "to": "editor"},
    {"from": "editor", "to": "owner"},
    {"from": "owner", "to": "admin"},
)
SWAP = ({"from": "member", "to": "editor"}, {"from": "editor", "to": "member"})
CYCLE = (*CHAIN[:2], {"from": "owner", "to": "member"})
KNOT = (*CYCLE, {"from": "user", "to": "admin"}, {"from": "guest", "to": "user", "seniority": "junior"})
"""A cycle of three and a chain of two beside it."""
KEEP = {"unmappedRoles": "Keep"}


def bookkeeping(role_type: str = "text") -> str:
    """The definitions of the three columns beside the role."""
    return f"previous_role {role_type}, seniority_level text, role_migrated_at timestamptz"


def without_seniority(mappings: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The same mappings for a table that has no column for a seniority."""
    return [{"from": one["from"], "to": one["to"]} for one in mappings]


def listed(roles: Iterable[str] = ROLES) -> str:
    """Roles as SQL text."""
    return ", ".join(f"'{role}'" for role in roles)


LOOKUP = Shape(
    sql=f"""
        CREATE TABLE roles (id int PRIMARY KEY, name text NOT NULL UNIQUE);
        INSERT INTO roles SELECT 10 * n, name
        FROM unnest(ARRAY[{listed()}]) WITH ORDINALITY AS r (name, n);
        CREATE TABLE users (
            id bigint PRIMARY KEY, role int REFERENCES roles, {bookkeeping("int")}, note text
        );
        INSERT INTO users (id, role, note)
        SELECT n, (ARRAY[10, 20, 30, 40, 60, NULL])[1 + n % 6], 'n' || n FROM generate_series(1, 30) AS n;
        UPDATE users SET previous_role = 60, seniority_level = 'old' WHERE id % 4 = 0;
    """,
    mappings=MERGING,
    lookup="SELECT id, name FROM roles",
    target={"lookup": {"table": "roles", "keyColumn": "id", "nameColumn": "name"}},
    spec=KEEP,
)
"""The role column holds a key of `roles`."""

ARRAY = Shape(
    sql=f"""
        CREATE TABLE users (id bigint PRIMARY KEY, role text[], {bookkeeping("text[]")}, note text);
        INSERT INTO users (id, role, seniority_level) VALUES
            (1, '{{member}}', NULL), (2, '{{member,editor}}', 'old'), (3, '{{editor,owner}}', NULL),
            (4, '{{owner,guest,member}}', 'old'), (5, '{{}}', NULL), (6, NULL, NULL), (7, '{{guest}}', 'old'),
            (8, '{{guest,NULL,member}}', NULL), (9, '{{user,member}}', NULL), (10, '{{editor,user}}', NULL),
            (11, '{{NULL}}', NULL), (12, '{{admin,user}}', NULL), (13, '[0:1]={{member,owner}}', NULL),
            (14, '{{member,guest,member}}', NULL), (15, '{{owner}}', NULL);
    """,
    mappings=(
        {"from": "member", "to": "user", "seniority": "junior"},
        {"from": "editor", "to": "user", "seniority": "junior"},
        {"from": "owner", "to": "admin", "seniority": "lead"},
    ),
    order=ORDER,
    spec=KEEP,
)
"""The role column holds all roles of a user."""

OF_NOBODY = (
    "INSERT INTO user_roles (user_id, role) VALUES (NULL, 'member'), (NULL, 'member'), (NULL, 'editor');"
)
"""Rows that are unique in spite of their equal roles."""

USER_ROLES = Shape(
    sql=f"""
        CREATE TABLE user_roles (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id int, role text NOT NULL,
            {bookkeeping()}, note text DEFAULT 'by default', UNIQUE (user_id, role)
        );
        INSERT INTO user_roles (user_id, role, note)
        SELECT u, r, 'user ' || u
        FROM generate_series(1, 20) AS u, unnest(ARRAY[{listed(HELD)}]) WITH ORDINALITY AS roles (r, n)
        WHERE (u * 37) & (1 << n::int) > 0 ORDER BY (u * n) % 7, u;
        {OF_NOBODY}
    """,
    table="user_roles",
    user="user_id",
    mappings=CHAIN,
    spec=KEEP,
)
"""One row for each user and role; many users hold several, and their rows stand in no order."""

ROLE_IN_KEY = Shape(
    sql=f"""
        CREATE TABLE user_roles (
            user_id int, role text, {bookkeeping()}, no int, note text, PRIMARY KEY (user_id, role)
        );
        INSERT INTO user_roles (user_id, role, no, note)
        SELECT u, r, row_number() OVER (ORDER BY (u * n) % 7, u), 'user ' || u
        FROM generate_series(1, 20) AS u, unnest(ARRAY[{listed(HELD)}]) WITH ORDINALITY AS roles (r, n)
        WHERE (u * 37) & (1 << n::int) > 0;
    """,
    table="user_roles",
    row="no",
    key=("user_id", ""),
    user="user_id",
    mappings=CHAIN,
    spec=KEEP,
)
"""The key is the user with the role."""

SCOPE = Shape(
    sql=f"""
        CREATE TABLE users (
            id bigint PRIMARY KEY, tenant_id int, role text, {bookkeeping()}, active boolean, joined date,
            note text
        );
        INSERT INTO users (id, tenant_id, role, active, joined)
        SELECT n, (ARRAY[7, 8, 9, NULL])[1 + n % 4], (ARRAY[{listed()}, NULL])[1 + n % 7], n % 3 = 0,
            date '2024-01-01' + n
        FROM generate_series(1, 40) AS n;
    """,
    mappings=MERGING,
    target={"scope": {"matchExpressions": [{"column": "tenant_id", "operator": "In", "values": ["7"]}]}},
    in_scope=lambda row: row.rest["tenant_id"] == 7,
    spec=KEEP,
)
"""Users of several tenants; the run is about one of them."""

MERGE = USER_ROLES.but(mappings=MERGING, target={"onDuplicate": "Merge"})
"""Users who hold member, editor and user, of which one is to stay."""
