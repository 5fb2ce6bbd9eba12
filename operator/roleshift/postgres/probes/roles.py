"""How many rows hold each role, and which would collide once roles are mapped."""

from collections.abc import Sequence

from psycopg import sql

from roleshift.engine.facts.table import CollisionFacts, RoleFacts
from roleshift.engine.keys import role_indexes
from roleshift.engine.target import TargetFacts, UniqueIndex
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
    indexes = role_indexes(target, wanted.role_column)
    parts: list[sql.Composable] = [_under(wanted, index) for index in indexes]
    return Probe(
        "collisions",
        sql.SQL(" UNION ALL ").join(parts or [sql.SQL("SELECT 0 AS collisions, '[]'::jsonb AS examples")]),
        _read_collisions,
        {"from_roles": list(wanted.from_roles), "to_roles": list(wanted.to_roles)} if indexes else {},
    )


def _read_collisions(rows: Rows) -> CollisionFacts:
    examples = tuple(example for row in rows for example in row["examples"])
    return CollisionFacts(sum(row["collisions"] for row in rows), examples[:MAX_EXAMPLES])


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
