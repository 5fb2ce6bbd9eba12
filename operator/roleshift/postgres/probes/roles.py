"""How many rows hold each role, and which would collide once roles are mapped."""

from collections.abc import Sequence

from psycopg import sql

from roleshift.engine.facts.table import CollisionFacts, RoleFacts
from roleshift.engine.keys import role_indexes
from roleshift.engine.target import Column, TargetFacts, UniqueIndex
from roleshift.postgres.probes.batch import Probe, Rows, sql_probe
from roleshift.postgres.probes.wanted import Wanted
from roleshift.postgres.statements import comma, identifier, literal, statement, trusted

MAX_EXAMPLES = 5


def roles_probe(wanted: Wanted) -> Probe[RoleFacts]:
    """Rows for each role of the target."""
    return sql_probe("roles", _read_roles, role=wanted.role, target=wanted.target)


def _read_roles(rows: Rows) -> RoleFacts:
    found = {row["role"]: row["rows"] for row in rows}
    return RoleFacts(rows={r: n for r, n in found.items() if r is not None}, null_rows=found.get(None, 0))


def collisions_probe(wanted: Wanted, target: TargetFacts) -> Probe[CollisionFacts]:
    """Rows too many under unique indexes that hold the role, once roles are mapped."""
    indexes = [
        index for index in role_indexes(target, wanted.role_column) if _can_be_asked(wanted, target, index)
    ]
    parts: list[sql.Composable] = [
        _under_text(wanted, target, index) if index.reads_role else _under(wanted, index) for index in indexes
    ]
    return Probe(
        "collisions",
        sql.SQL(" UNION ALL ").join(parts or [sql.SQL("SELECT 0 AS collisions, '[]'::jsonb AS examples")]),
        _read_collisions,
        {"from_roles": list(wanted.from_roles), "to_roles": list(wanted.to_roles)} if indexes else {},
    )


def _read_collisions(rows: Rows) -> CollisionFacts:
    examples = tuple(example for row in rows for example in row["examples"])
    return CollisionFacts(sum(row["collisions"] for row in rows), examples[:MAX_EXAMPLES])


def _can_be_asked(wanted: Wanted, target: TargetFacts, index: UniqueIndex) -> bool:
    """A label that an enum lacks yet can't be computed with."""
    enum = target.role_type
    return not (index.reads_role and enum.enum_type and set(wanted.to_roles) - set(enum.enum_labels))


def _under_text(wanted: Wanted, target: TargetFacts, index: UniqueIndex) -> sql.Composed:
    """Under expressions and a predicate, which are computed from the row as it will be."""
    names = [identifier(f"key_{position}") for position, _ in enumerate(index.keys)]
    keys = [
        sql.SQL("({}) AS {}").format(trusted(text), name)
        for text, name in zip(index.keys, names, strict=True)
    ]
    set_for_it = "v.{} IS NOT NULL" if index.nulls_distinct else "true"
    shared = [
        sql.SQL("{} || coalesce(min(v.{}::text), 'NULL')").format(literal(f"{text} "), name)
        for text, name in zip(index.keys, names, strict=True)
    ]
    return statement("probes/collisions_computed").format(
        keys=comma(list(keys)),
        columns=comma([_as_it_will_be(wanted, column) for column in target.columns]),
        role=wanted.role,
        target=wanted.target,
        indexed=trusted(index.predicate or "true"),
        example=sql.SQL("concat_ws(', ', {})").format(comma(list(shared))),
        all_set=sql.SQL(" AND ").join(sql.SQL(set_for_it).format(name) for name in names),
        grouped=comma([sql.SQL("v.{}").format(name) for name in names]),
    )


def _as_it_will_be(wanted: Wanted, column: Column) -> sql.Composable:
    name = identifier(column.name)
    if column.name != wanted.role_column:
        return sql.SQL("o.{}").format(name)
    mapped = sql.SQL("coalesce(m.to_role, o.{}::text)::{} AS {}")
    return mapped.format(name, trusted(column.type_name), name)


def _under(wanted: Wanted, index: UniqueIndex) -> sql.Composed:
    others = [identifier("t", name) for name in index.columns if name != wanted.role_column]
    set_for_it = sql.SQL(" AND {} IS NOT NULL" if index.nulls_distinct else "")
    return statement("probes/collisions").format(
        role=wanted.role,
        target=wanted.target,
        example=_example([name for name in index.columns if name != wanted.role_column]),
        indexed=trusted(index.predicate or "true"),
        others_set=sql.Composed([set_for_it.format(other) for other in others]),
        others=sql.Composed([sql.SQL(", {}").format(other) for other in others]),
    )


def _example(others: Sequence[str]) -> sql.Composable:
    """What colliding rows share, `name value`; under an index on the role alone that is nothing."""
    shared = [
        sql.SQL("{} || coalesce(min({}::text), 'NULL')").format(literal(f"{name} "), identifier("t", name))
        for name in others
    ]
    return sql.SQL("concat_ws(', ', {})").format(comma(list(shared))) if shared else sql.SQL("'all rows'")
