"""One row for each user, whatever the types and names: each table is migrated and comes back.

What can only be told from the catalogue is tested on PostgreSQL alone, in tests/integration.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field

import pytest
from psycopg import sql

from localenv.database import Database
from support.journeys import Begin
from support.shapes import PLAIN, Names, Shape

ROWS = 30
MAPPING = {"member": "user", "editor": "user", "owner": "admin"}
OLD_LABELS = "'member', 'editor', 'owner', 'guest'"
LABELS = f"{OLD_LABELS}, 'user', 'admin'"
IDENTIFIER_BYTES = 63
OLD = {"previous_role": "'guest'", "seniority": "'old'", "migrated_at": "'2020-01-01 00:00:00Z'"}
"""What an earlier migration left in every fourth row."""


@dataclass(frozen=True)
class Table:
    """A table with 30 rows; their roles go round, those of the mapping, one that it leaves alone, and NULL.

    Attributes:
        key: key columns with their types and the expressions that fill them, from the row's number `no`.
        type: type of the role column and of the one for the previous role.
        before: statements that make the type.
        partitions: the clause that divides the table, and the statements that make its parts.
        adds: the table has none of the bookkeeping columns, and the run adds them.
    """

    key: Mapping[str, tuple[str, str]] = field(default_factory=lambda: {"id": ("bigint", "no")})
    type: str = "text"
    before: Sequence[str] = ()
    constraints: Sequence[str] = ()
    partitions: Sequence[str] = ("",)
    schema: str = "public"
    table: str = "users"
    names: Names = field(default_factory=Names)
    mapping: Mapping[str, str] = field(default_factory=lambda: MAPPING)
    left_alone: str = "guest"
    adds: bool = False

    @property
    def shape(self) -> Shape:
        """The table with its manifest."""
        with_lead = {"seniority": "lead"} if self.names.seniority else {}
        return Shape(
            sql=";".join(self._statements),
            mappings=[
                {"from": old, "to": new, **(with_lead if new.lower() == "admin" else {})}
                for old, new in self.mapping.items()
            ],
            table=self.table,
            schema=self.schema,
            names=self.names,
            row="no",
            spec={"unmappedRoles": "Keep", **({"schemaChanges": "AddMissing"} if self.adds else {})},
        )

    @property
    def _statements(self) -> list[str]:
        divided, *parts = self.partitions
        schema = f"CREATE SCHEMA IF NOT EXISTS {_quoted(self.schema)}"
        create = f"CREATE TABLE {self._name} ({', '.join(self._definitions)}) {divided}"
        return [*self.before, schema, create, *parts, self._rows, *self._bookkeeping]

    @property
    def _name(self) -> str:
        return sql.Identifier(self.schema, self.table).as_string()

    @property
    def _definitions(self) -> list[str]:
        names = [self.names.role] if self.adds else astuple(self.names)
        written = zip(names, (self.type, self.type, "text", "timestamptz"), strict=False)
        columns = {"no": "int", **{name: kind for name, (kind, _) in self.key.items()}, **dict(written)}
        defined = [f"{_quoted(name)} {kind}" for name, kind in columns.items() if name]
        return [*defined, f"PRIMARY KEY ({_listed(self.key)})", *self.constraints]

    @property
    def _rows(self) -> str:
        values = ", ".join(value for _, value in self.key.values())
        roles = ", ".join(f"'{role}'" for role in (*self.mapping, self.left_alone))
        going_round = f"(ARRAY[{roles}, NULL])[1 + no % {len(self.mapping) + 2}]::{self.type}"
        return (
            f"INSERT INTO {self._name} (no, {_listed(self.key)}, {_quoted(self.names.role)})"
            f" SELECT no, {values}, {going_round} FROM generate_series(1, {ROWS}) AS no"
        )

    @property
    def _bookkeeping(self) -> list[str]:
        old = {**OLD, "previous_role": f"'{self.left_alone}'"}
        columns = {getattr(self.names, name): value for name, value in old.items()}
        values = ", ".join(f"{_quoted(name)} = {value}" for name, value in columns.items() if name)
        return [f"UPDATE {self._name} SET {values} WHERE no % 4 = 0"] if values and not self.adds else []


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _of_63_bytes(text: str) -> str:
    return text + "x" * (IDENTIFIER_BYTES - len(text.encode()))


ENUM = f"CREATE TYPE user_role AS ENUM ({LABELS})"
TABLES = {
    "text": Table(),
    "varchar": Table(type="varchar(8)"),
    "an enum": Table(type="user_role", before=[ENUM]),
    "a domain": Table(
        type="user_role", before=[f"CREATE DOMAIN user_role AS text CHECK (VALUE IN ({LABELS}))"]
    ),
    "a domain over an enum": Table(
        type="known_role",
        before=[ENUM, "CREATE DOMAIN known_role AS user_role CHECK (VALUE::text <> 'nobody')"],
    ),
    "text with a check": Table(constraints=[f"CHECK (role IN ({LABELS}))"]),
    "a plain table that gets what it lacks": Table(
        adds=True, type="user_role", before=[f"CREATE TYPE user_role AS ENUM ({OLD_LABELS})"]
    ),
    "a plain table that stays plain": Table(names=PLAIN),
    "two roles that change places": Table(mapping={"member": "owner", "owner": "member"}),
    "a chain of roles": Table(mapping={"member": "editor", "editor": "owner", "owner": "admin"}),
    "partitions": Table(
        partitions=[
            "PARTITION BY RANGE (id)",
            "CREATE TABLE users_1 PARTITION OF users FOR VALUES FROM (1) TO (10)",
            "CREATE TABLE users_2 PARTITION OF users DEFAULT PARTITION BY HASH (id)",
            "CREATE TABLE users_2_0 PARTITION OF users_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
            "CREATE TABLE users_2_1 PARTITION OF users_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        ]
    ),
    "a composite key": Table(key={"org_id": ("int", "no % 5"), "user_id": ("int", "no / 5")}),
    "a text key": Table(key={"login": ("text", "'user ' || no || ' \"%s\" ü'")}),
    "a uuid key": Table(key={"id": ("uuid", "gen_random_uuid()")}),
    "names of 63 bytes with quotes and spaces": Table(
        schema=_of_63_bytes('a "schema" of ours, 100% ours: {0} '),
        table=_of_63_bytes('the people\'s "table" für alle; -- %s %(a)s {table} '),
        key={_of_63_bytes('the "key\'s" column %s '): ("bigint", "no")},
        names=Names(
            *(_of_63_bytes(f"{what} 'of' \"us\" % {{}} é ") for what in ("now", "was", "rank", "at"))
        ),
    ),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_it_is_migrated_and_comes_back(begin: Begin, database: Database, table: Table) -> None:
    journey = begin(table.shape)
    status = journey.forward()
    image = status["backup"]["name"]
    assert len(image.encode()) <= IDENTIFIER_BYTES
    assert database.query("SELECT FROM pg_tables WHERE schemaname = 'roleshift' AND tablename = %s", [image])
    journey.back()
