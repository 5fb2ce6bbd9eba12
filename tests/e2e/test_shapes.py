"""Shapes of tables that must work: each is migrated and comes back, to the last row and column.

What can only be told from the catalogue is tested on PostgreSQL alone, in tests/integration.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import pytest
from psycopg import sql

from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.operator import OperatorProcess
from support.ledger_rows import LedgerRows
from support.migrations import Migration

SECONDS = 20.0
ROWS = 30
MAPPING = {"member": "user", "editor": "user", "owner": "admin"}
LABELS = "'member', 'editor', 'owner', 'user', 'admin'"
IDENTIFIER_BYTES = 63


@dataclass(frozen=True)
class Names:
    """The columns that a run writes; "" where the table has none."""

    role: str = "role"
    previous_role: str = "previous_role"
    seniority: str = "seniority_level"
    migrated_at: str = "role_migrated_at"


@dataclass(frozen=True)
class Shape:
    """A table with 30 rows whose roles go round; each row notes in `was` which role it had.

    Attributes:
        key: key columns with their types and the expressions that fill them, from the row's number `n`.
        type: type of the role column and of the one for the previous role.
        before: statements that make the type.
        partitions: the clause that divides the table, and the statements that make its parts.
        adds: the table has none of the bookkeeping columns, and the run adds them.
    """

    key: Mapping[str, tuple[str, str]] = field(default_factory=lambda: {"id": ("bigint", "n")})
    type: str = "text"
    before: Sequence[str] = ()
    constraints: Sequence[str] = ()
    partitions: Sequence[str] = ("",)
    schema: str = "public"
    table: str = "users"
    names: Names = field(default_factory=Names)
    mapping: Mapping[str, str] = field(default_factory=lambda: MAPPING)
    adds: bool = False

    @property
    def table_name(self) -> sql.Identifier:
        """The table in SQL."""
        return sql.Identifier(self.schema, self.table)

    @property
    def columns(self) -> list[str]:
        """The columns that the table has before the run."""
        _, *bookkeeping = astuple(self.names)
        return [*self.key, self.names.role, "was", *(name for name in bookkeeping if name and not self.adds)]

    @property
    def _definitions(self) -> list[str]:
        written = zip(astuple(self.names), (self.type, self.type, "text", "timestamptz"), strict=True)
        types = {name: kind for name, (kind, _) in self.key.items()} | {"was": "text"} | dict(written)
        key = f"PRIMARY KEY ({_listed(self.key)})"
        return [*(f"{_quoted(name)} {types[name]}" for name in self.columns), key, *self.constraints]

    @property
    def _rows(self) -> str:
        values = ", ".join(value for _, value in self.key.values())
        old = f"(ARRAY{list(self.mapping)})[1 + n % {len(self.mapping)}]"
        return (
            f"INSERT INTO {self.table_name.as_string()} ({_listed([*self.key, self.names.role, 'was'])})"
            f" SELECT {values}, ({old})::{self.type}, {old} FROM generate_series(1, {ROWS}) AS n"
        )

    def create(self, database: Database) -> None:
        """Create the table and fill it."""
        divided, *parts = self.partitions
        create = f"CREATE TABLE {self.table_name.as_string()} ({', '.join(self._definitions)}) {divided}"
        schema = f"CREATE SCHEMA IF NOT EXISTS {_quoted(self.schema)}"
        for statement in (*self.before, schema, create, *parts, self._rows):
            database.execute(statement)

    def manifest(self) -> dict[str, Any]:
        """The changes of the sample manifest."""
        role, previous_role, seniority, migrated_at = astuple(self.names)
        columns = {
            "role": role,
            "previousRole": previous_role,
            "seniority": seniority,
            "migratedAt": migrated_at,
        }
        return {
            "target": {"schema": self.schema, "table": self.table, "columns": columns},
            "mappings": [
                {"from": old, "to": new, **({"seniority": "lead"} if seniority and new == "admin" else {})}
                for old, new in self.mapping.items()
            ],
            **({"schemaChanges": "AddMissing"} if self.adds else {}),
        }


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _of_63_bytes(text: str) -> str:
    return text + "x" * (IDENTIFIER_BYTES - len(text.encode()))


ENUM = f"CREATE TYPE user_role AS ENUM ({LABELS})"
SHAPES = {
    "text": Shape(),
    "varchar": Shape(type="varchar(8)"),
    "an enum": Shape(type="user_role", before=[ENUM]),
    "a domain": Shape(
        type="user_role", before=[f"CREATE DOMAIN user_role AS text CHECK (VALUE IN ({LABELS}))"]
    ),
    "a domain over an enum": Shape(
        type="known_role",
        before=[ENUM, "CREATE DOMAIN known_role AS user_role CHECK (VALUE::text <> 'nobody')"],
    ),
    "text with a check": Shape(constraints=[f"CHECK (role IN ({LABELS}))"]),
    "a plain table that gets what it lacks": Shape(
        adds=True, type="user_role", before=["CREATE TYPE user_role AS ENUM ('member', 'editor', 'owner')"]
    ),
    "a plain table that stays plain": Shape(names=Names(previous_role="", seniority="", migrated_at="")),
    "two roles that change places": Shape(mapping={"member": "owner", "owner": "member"}),
    "a chain of roles": Shape(mapping={"member": "editor", "editor": "owner", "owner": "admin"}),
    "partitions": Shape(
        partitions=[
            "PARTITION BY RANGE (id)",
            "CREATE TABLE users_1 PARTITION OF users FOR VALUES FROM (1) TO (10)",
            "CREATE TABLE users_2 PARTITION OF users DEFAULT PARTITION BY HASH (id)",
            "CREATE TABLE users_2_0 PARTITION OF users_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
            "CREATE TABLE users_2_1 PARTITION OF users_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        ]
    ),
    "a composite key": Shape(key={"org_id": ("int", "n % 5"), "user_id": ("int", "n / 5")}),
    "a text key": Shape(key={"login": ("text", "'user ' || n || ' \"%s\" ü'")}),
    "a uuid key": Shape(key={"id": ("uuid", "gen_random_uuid()")}),
    "quoted camelCase": Shape(
        table="Membership",
        key={"userId": ("text", "'u' || n"), "teamId": ("text", "'t' || n % 3")},
        type='"Role"',
        before=["CREATE TYPE \"Role\" AS ENUM ('MEMBER', 'OWNER', 'USER', 'ADMIN')"],
        names=Names("role", "previousRole", "seniorityLevel", "roleMigratedAt"),
        mapping={"MEMBER": "USER", "OWNER": "ADMIN"},
    ),
    "names of 63 bytes with quotes and spaces": Shape(
        schema=_of_63_bytes('a "schema" of ours, 100% ours: {0} '),
        table=_of_63_bytes('the people\'s "table" für alle; -- %s %(a)s {table} '),
        key={_of_63_bytes('the "key\'s" column %s '): ("bigint", "n")},
        names=Names(
            *(_of_63_bytes(f"{what} 'of' \"us\" % {{}} é ") for what in ("now", "was", "rank", "at"))
        ),
    ),
}


@pytest.fixture
def migration(control_plane: ControlPlane, namespace: str, operator: OperatorProcess) -> Migration:
    """A migration that the file's operator will see; not applied yet."""
    assert operator.running
    return Migration(control_plane, namespace)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_it_is_migrated_and_comes_back(migration: Migration, database: Database, shape: Shape) -> None:
    shape.create(database)
    before = database.row_set_hash(shape.table, shape.columns, shape.schema)
    migration.secret(database.uri)
    migration.apply(**shape.manifest())
    assert_ended(migration, database, "Done")
    assert_migrated(database, shape)
    migration.roll_back()
    status = assert_ended(migration, database, "RolledBack")
    assert status["rollback"]["result"] == "Complete"
    assert database.row_set_hash(shape.table, shape.columns, shape.schema) == before


def assert_ended(migration: Migration, database: Database, phase: str) -> dict[str, Any]:
    """The run ends in that phase and the ledger agrees; its status."""
    status = migration.wait_for(lambda s: s.get("phase") in (phase, "Failed"), phase, SECONDS)
    assert status["phase"] == phase, status
    LedgerRows(database).assert_agrees(status)
    image = status["backup"]["name"]
    assert len(image.encode()) <= IDENTIFIER_BYTES
    assert database.query("SELECT FROM pg_tables WHERE schemaname = 'roleshift' AND tablename = %s", [image])
    return status


def assert_migrated(database: Database, shape: Shape) -> None:
    """Every row has the role that its old one maps to, and the bookkeeping says so."""
    role, previous_role, seniority, migrated_at = map(_quoted_or_null, astuple(shape.names))
    found = database.query(
        sql.SQL(
            "SELECT was, {role}::text, count({previous}), bool_and({previous}::text = was), max({seniority}),"
            " count({at}) FROM {table} GROUP BY 1, 2 ORDER BY 1"
        ).format(
            role=role, previous=previous_role, seniority=seniority, at=migrated_at, table=shape.table_name
        )
    )
    assert {was: role for was, role, *_ in found} == shape.mapping
    each = ROWS // len(shape.mapping)
    for _, new, previous, same, rank, dated in found:
        assert (previous, same) == ((each, True) if shape.names.previous_role else (0, None))
        assert rank == ("lead" if shape.names.seniority and new == "admin" else None)
        assert dated == (each if shape.names.migrated_at else 0)


def _quoted_or_null(name: str) -> sql.Composable:
    return sql.Identifier(name) if name else sql.SQL("NULL::text")
