"""Random small and crowded tables of every shape, random mappings for them, and random work of others."""

from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg
from hypothesis import strategies as st

from localenv.database import Database
from support.foreseen import Row
from support.shapes import Names, Shape

ROLES = ("a", "b", "c", "d")
SENIORITIES = ("junior", "middle", "senior")
TENANTS = (1, 2, None)
LOOKUP = "CREATE TABLE lookup (id int PRIMARY KEY, name text UNIQUE);" + "".join(
    f"INSERT INTO lookup VALUES ({key}, '{name}');" for key, name in zip((30, 10, 40, 20), ROLES, strict=True)
)
_numbers = count(1)


@dataclass(frozen=True)
class Kind:
    """One kind of table.

    Attributes:
        rest: of the table's definition: key and constraints, and what divides it.
        value: an expression for a role that is given as text, or as an array of texts.
        user: column that is unique with the role.
        key: see Rules.
    """

    name: str
    type: str = "text"
    rest: str = "PRIMARY KEY (no))"
    value: str = "%s::text"
    user: str = ""
    key: tuple[str, ...] = ("no",)

    def __repr__(self) -> str:
        return self.name

    @property
    def is_array(self) -> bool:
        """Whether a row holds any number of roles."""
        return self.type.endswith("[]")


IN_KEY = "PRIMARY KEY (user_id, role))"
BY_ROLE = f"""{IN_KEY} PARTITION BY LIST (role);
    CREATE TABLE {{table}}_1 PARTITION OF {{table}} FOR VALUES IN ('a', 'b');
    CREATE TABLE {{table}}_2 PARTITION OF {{table}} FOR VALUES IN ('c');
    CREATE TABLE {{table}}_3 PARTITION OF {{table}} DEFAULT"""
UNIQUE = "PRIMARY KEY (no), UNIQUE (user_id, role)"
KEY_OF = "(SELECT id FROM lookup WHERE name = %s)"
KINDS = {
    "free roles": (
        Kind("plain"),
        Kind("lookup", "int", value=KEY_OF),
        Kind("array", "text[]", value="%s::text[]"),
    ),
    "unique roles": (
        Kind("unique", rest=f"{UNIQUE})", user="user_id"),
        Kind("deferred", rest=f"{UNIQUE} DEFERRABLE INITIALLY DEFERRED)", user="user_id"),
        Kind("unique lookup", "int", rest=f"{UNIQUE})", value=KEY_OF, user="user_id"),
    ),
    "roles in the key": (
        Kind("in the key", rest=IN_KEY, user="user_id", key=("user_id", "")),
        Kind("partitioned by role", rest=BY_ROLE, user="user_id", key=("user_id", "")),
    ),
}
"""Families of tables that have their own ways to go wrong."""


@dataclass(frozen=True)
class Draft:
    """A random table and mapping, before they are a Shape with a name of its own."""

    kind: Kind
    rows: list[tuple[Any, ...]]
    mappings: list[dict[str, str]]
    scope: tuple[str, tuple[str, ...]] | None
    merge: bool

    def shape(self) -> Shape:
        """The shape, without statements: see `create`."""
        expression = {"column": "tenant", "operator": self.scope[0]} if self.scope else {}
        if self.scope and self.scope[1]:
            expression["values"] = list(self.scope[1])  # type: ignore[assignment]
        return Shape(
            sql="",
            table=f"users_{next(_numbers)}",
            names=Names(seniority="seniority", migrated_at="migrated_at"),
            row="no",
            key=self.kind.key,
            user=self.kind.user,
            mappings=self.mappings,
            lookup="SELECT id, name FROM lookup" if self.kind.type == "int" else "",
            order=ROLES,
            in_scope=self.in_scope,
            target={
                "onDuplicate": "Merge" if self.merge else "Fail",
                **({"scope": {"matchExpressions": [expression]}} if self.scope else {}),
                **({"lookup": LOOKUP_FIELD} if self.kind.type == "int" else {}),
            },
            spec={"unmappedRoles": "Keep", "checks": {"minimumScore": 0}},
        )

    def in_scope(self, row: Row) -> bool:
        """The scope in Python."""
        if self.scope is None:
            return True
        operator, values = self.scope
        is_in = str(row.rest["tenant"]) in values
        exists = row.rest["tenant"] is not None
        return {"In": is_in, "NotIn": not is_in, "Exists": exists, "DoesNotExist": not exists}[operator]

    def create(self, database: Database, table: str) -> None:
        """Create the table and fill it."""
        insert = f"INSERT INTO {table} VALUES (%s, %s, {self.kind.value}, NULL, %s, NULL, %s)"
        with database.connect() as connection:
            connection.execute(
                f"CREATE TABLE {table} (no int, user_id int, role {self.kind.type},"
                f" previous_role {self.kind.type}, seniority text, migrated_at timestamptz, tenant int,"
                f" note text NOT NULL DEFAULT '', {self.kind.rest.format(table=table)}".encode()
            )
            connection.cursor().executemany(insert.encode(), self.rows)


LOOKUP_FIELD = {"table": "lookup", "keyColumn": "id", "nameColumn": "name"}
SCOPES = st.none() | st.sampled_from(
    [("In", ("1",)), ("In", ("1", "2")), ("NotIn", ("2",)), ("Exists", ()), ("DoesNotExist", ())]
)
roles = st.sampled_from(ROLES)


def _role_values(kind: Kind) -> st.SearchStrategy[Any]:
    if kind.is_array:
        elements = st.lists(roles, max_size=4) | st.lists(roles | st.just("other"), max_size=3, unique=True)
        with_null = elements.map(lambda some: [*some, None])
        return st.none() | elements | with_null
    return roles if kind.key != ("no",) else st.none() | roles


@st.composite
def _rows(draw: st.DrawFn, kind: Kind) -> list[tuple[Any, ...]]:
    users = st.integers(1, 2) if kind.key != ("no",) else st.sampled_from((1, 2, 2, None))
    row = st.tuples(
        users, _role_values(kind), st.none() | st.sampled_from(SENIORITIES), st.sampled_from(TENANTS)
    )

    def alike(one: tuple[Any, ...]) -> Any:
        user, role, *_ = one
        return (user, role) if kind.user and user is not None and role is not None else object()

    found = draw(st.lists(row, min_size=2, max_size=9, unique_by=alike))
    if kind.user and draw(st.booleans()):
        held = {(user, role) for user, role, *_ in found}
        found += [(1, role, None, 1) for role in ROLES if (1, role) not in held]
    numbers = draw(st.permutations(range(1, len(found) + 1)))
    return [(no, *one) for no, one in zip(numbers, found, strict=True)]


@st.composite
def _knots(draw: st.DrawFn) -> dict[str, str]:
    """A circle of roles, and others that end in it: the most that can be in each other's way."""
    order = draw(st.permutations(ROLES))
    size = draw(st.integers(2, len(order)))
    circle, others = order[:size], order[size:]
    into = {old: draw(st.sampled_from(circle)) for old in others}
    return dict(zip(circle, [*circle[1:], circle[0]], strict=True)) | into


@st.composite
def _mappings(draw: st.DrawFn, kind: Kind) -> list[dict[str, str]]:
    """Each role at most once; an entry that would change nothing gives a seniority.

    In arrays every mapping gives a seniority that its new role decides, or none does: else two elements
    of one row could disagree with nothing to choose by.
    """
    routes = draw(st.dictionaries(roles, roles, min_size=1) | _knots())
    if kind.is_array:
        of_role = dict(zip(ROLES, (*SENIORITIES, "chief"), strict=True))
        ranked = draw(st.booleans()) or all(old == new for old, new in routes.items())
        return [
            {"from": old, "to": new, **({"seniority": of_role[new]} if ranked else {})}
            for old, new in routes.items()
            if ranked or old != new
        ]
    seniority = {old: draw(st.none() | st.sampled_from(SENIORITIES)) for old in routes}
    return [
        {"from": old, "to": new, **({"seniority": given or "senior"} if given or old == new else {})}
        for (old, new), given in zip(routes.items(), seniority.values(), strict=True)
    ]


@st.composite
def drafts(draw: st.DrawFn, family: str) -> Draft:
    """A random table of a family with a random mapping."""
    kind = draw(st.sampled_from(KINDS[family]))
    return Draft(kind, draw(_rows(kind)), draw(_mappings(kind)), draw(SCOPES), draw(st.booleans()))


BY_HAND = "UPDATE {table} SET role = previous_role, previous_role = NULL, migrated_at = NULL"


@dataclass(frozen=True)
class Edit:
    """What somebody does to one row; what a constraint forbids is not done."""

    what: str
    row: int
    user: int
    role: str
    tenant: int | None

    def apply(self, connection: psycopg.Connection[Any], draft: Draft, table: str) -> None:
        """Do it, to the row that stands at that place."""
        found = connection.execute(f"SELECT no FROM {table} ORDER BY no".encode()).fetchall()
        numbers = [no for (no,) in found]
        chosen = numbers[self.row % len(numbers)] if numbers else None
        role = [self.role] if draft.kind.is_array else self.role
        statements = {
            "insert": (
                f"INSERT INTO {table} (no, user_id, role, tenant) VALUES (%s, %s, {draft.kind.value}, %s)",
                [100 + max(numbers, default=0), self.user, role, self.tenant],
            ),
            "delete": (f"DELETE FROM {table} WHERE no = %s", [chosen]),
            "role": (f"UPDATE {table} SET role = {draft.kind.value} WHERE no = %s", [role, chosen]),
            "note": (f"UPDATE {table} SET note = 'seen' WHERE no = %s", [chosen]),
            "time": (f"UPDATE {table} SET migrated_at = NULL WHERE no = %s", [chosen]),
            "tenant": (f"UPDATE {table} SET tenant = %s WHERE no = %s", [self.tenant, chosen]),
            "by hand": (f"{BY_HAND.format(table=table)} WHERE no = %s AND migrated_at IS NOT NULL", [chosen]),
        }
        statement, parameters = statements[self.what]
        with suppress(psycopg.errors.UniqueViolation):
            connection.execute(statement.encode(), parameters)


WORK = ("insert", "delete", "role", "note", "tenant")
WORK_SINCE = (*WORK, "time", "by hand")


def edits(*kinds: str) -> st.SearchStrategy[list[Edit]]:
    """A few edits of these kinds, often none."""
    one = st.builds(
        Edit,
        what=st.sampled_from(kinds),
        row=st.integers(0, 8),
        user=st.integers(1, 2),
        role=roles,
        tenant=st.sampled_from(TENANTS),
    )
    return st.just([]) | st.lists(one, min_size=1, max_size=5)
