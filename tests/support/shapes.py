"""A table as an application has it, and a migration of it: what runs forward and back, seen row by row."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from psycopg import sql

from localenv.database import Database
from roleshift.api import RoleMigrationSpec
from support.foreseen import Foreseen, Role, Route, Row, Rows, Rules, all_rows, foresee
from support.migrations import merged
from support.run_phases import spec_of

_ROWS = "SELECT to_jsonb(t), t.xmin::text FROM {table} AS t"
_COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


@dataclass(frozen=True)
class Names:
    """The columns that a run writes; "" where the table has none."""

    role: str = "role"
    previous_role: str = "previous_role"
    seniority: str = "seniority_level"
    migrated_at: str = "role_migrated_at"


PLAIN = Names(previous_role="", seniority="", migrated_at="")


@dataclass(frozen=True)
class Content:
    """A table's rows by what tells them apart, and the version (xmin) of each."""

    rows: Rows
    versions: Mapping[Hashable, str]

    def versions_but(self, names: frozenset[Hashable]) -> dict[Hashable, str]:
        """The versions of all other rows."""
        return {name: version for name, version in self.versions.items() if name not in names}


@dataclass(frozen=True)
class Shape:
    """A table and what a manifest says about it.

    Attributes:
        sql: statements that create and fill the table, and whatever it needs.
        row: column that tells a row from the others, whatever the run does to it.
        key: the key's columns, see Rules.
        user: column that is unique together with the role; "" where nothing is.
        lookup: query for key and name of each role; "" where the column holds the role itself.
        target: what else the manifest says in spec.target; spec: what else it says.
        in_scope: the same in Python as `target` says in its scope.
        computed: columns that are computed from those that the run writes.
        stamped: columns that triggers change at each write, so that they don't come back.
    """

    sql: str
    mappings: Sequence[Mapping[str, str]]
    table: str = "users"
    schema: str = "public"
    names: Names = field(default_factory=Names)
    row: str = "id"
    key: Sequence[str] = ("id",)
    user: str = ""
    lookup: str = ""
    order: Sequence[str] = ()
    in_scope: Callable[[Row], bool] = all_rows
    target: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    computed: Sequence[str] = ()
    stamped: Sequence[str] = ()

    def but(self, **changes: Any) -> "Shape":
        """The same with something else."""
        return replace(self, **changes)

    # What a manifest says

    def manifest(self) -> dict[str, Any]:
        """The changes of the sample manifest."""
        role, previous_role, seniority, migrated_at = astuple(self.names)
        columns = {
            "role": role,
            "previousRole": previous_role,
            "seniority": seniority,
            "migratedAt": migrated_at,
        }
        target = {"schema": self.schema, "table": self.table, "columns": columns}
        privileges = {"order": list(self.order), "allowEscalation": True}
        changes = {"target": merged(target, self.target), "mappings": [dict(m) for m in self.mappings]}
        return merged({**changes, **({"privileges": privileges} if self.order else {})}, self.spec)

    def spec_of(self, **changes: Any) -> RoleMigrationSpec:
        """The spec, for a run that is led without a cluster."""
        return spec_of(**merged(self.manifest(), changes))

    @property
    def rules(self) -> Rules:
        """What the manifest says about rows."""
        routes = {m["from"]: Route(m["to"], m.get("seniority")) for m in self.mappings}
        return Rules(routes, self.order, self.in_scope, self.user, self.key)

    # What stands in the database

    def create(self, database: Database) -> None:
        """Create the table and fill it."""
        database.execute(self.sql)

    def columns(self, database: Database) -> list[str]:
        """The columns that have to come back: those of this moment, without what triggers stamp."""
        table = sql.Identifier(self.schema, self.table).as_string()
        return [name for (name,) in database.query(_COLUMNS, [table]) if name not in self.stamped]

    def read(self, database: Database) -> Content:
        """Every row, as the superuser sees it."""
        role_names = self._role_names(database)
        query = sql.SQL(_ROWS).format(table=sql.Identifier(self.schema, self.table))
        with database.admin() as admin:
            found = admin.execute(query).fetchall()
        return Content(
            rows={whole[self.row]: self._row(whole, role_names) for whole, _ in found},
            versions={whole[self.row]: version for whole, version in found},
        )

    def shown(self, row: Row, time: str | None) -> Row:
        """A row that a run wrote at that time, as the table shows it: without the columns that it lacks."""
        return replace(
            row,
            previous_role=row.previous_role if self.names.previous_role else None,
            seniority=row.seniority if self.names.seniority else None,
            migrated_at=time,
        )

    def _role_names(self, database: Database) -> dict[Any, str] | None:
        if not self.lookup:
            return None
        query = f"SELECT to_jsonb(key), name FROM ({self.lookup}) AS roles (key, name)"
        return dict(database.query(query))

    def _row(self, whole: dict[str, Any], role_names: dict[Any, str] | None) -> Row:
        role, previous_role, seniority, migrated_at = (whole.get(name) for name in astuple(self.names))
        left_out = {*astuple(self.names), *self.computed, *self.stamped}
        return Row(
            role=_named(role, role_names),
            previous_role=_named(previous_role, role_names),
            seniority=seniority,
            migrated_at=migrated_at,
            rest={name: value for name, value in whole.items() if name not in left_out},
        )


def _named(value: Any, role_names: dict[Any, str] | None) -> Role:
    """A role as people call it; a key that the lookup table lacks is shown as such."""
    if isinstance(value, list):
        return tuple(value)
    if value is None:
        return None
    return str(value) if role_names is None else role_names.get(value, f"key {value!r}")


def assert_migrated(shape: Shape, before: Content, after: Content, rules: Rules | None = None) -> Foreseen:
    """Every row is as foreseen, written at one instant; what is no business of the run was not touched.

    Args:
        rules: where others than the shape's own hold.
    """
    foreseen = foresee(before.rows, rules or shape.rules)
    times = {row.migrated_at for name, row in after.rows.items() if name in foreseen.written}
    assert len(times) <= 1, times
    time = next(iter(times), None)
    if foreseen.written and shape.names.migrated_at:
        assert time not in {None, *(row.migrated_at for row in before.rows.values())}
    expected = {
        name: shape.shown(row, time) if name in foreseen.written else row
        for name, row in foreseen.rows.items()
    }
    assert differences(expected, after.rows) == {}, differences(expected, after.rows)
    touched = foreseen.written | foreseen.removed
    assert differences(before.versions_but(touched), after.versions_but(touched)) == {}
    assert all(after.versions[name] != before.versions[name] for name in foreseen.written)
    return foreseen


def differences(expected: Mapping[Hashable, Any], found: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
    """What was expected and what was found, where that is not the same."""
    return {
        name: (expected.get(name), found.get(name))
        for name in {**expected, **found}
        if expected.get(name) != found.get(name)
    }
