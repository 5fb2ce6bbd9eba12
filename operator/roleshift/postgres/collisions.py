"""Counting rows that a mapping makes equal: for the checks before a run, and for a write that met some."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from roleshift.engine.target import TargetShape, UniqueIndex
from roleshift.postgres.moving import Moving
from roleshift.postgres.statements import comma, identifier, literal, of, statement, target_name, trusted


@dataclass(frozen=True, slots=True)
class Columns:
    """What has to be equal beside the role; `predicate` says which rows count."""

    others: tuple[str, ...]
    nulls_distinct: bool
    predicate: str = ""

    @classmethod
    def of(cls, index: UniqueIndex, shape: TargetShape) -> "Columns":
        """Those of a unique index on columns."""
        others = tuple(name for name in index.columns if name != shape.role.name)
        return cls(others, index.nulls_distinct, index.predicate)


def under(moving: Moving, columns: Columns) -> sql.Composed:
    """A query for `collisions`, rows too many, and `examples`."""
    role = moving.shape.role
    others = [identifier("t", name) for name in columns.others]
    set_for_it = sql.SQL(" AND {} IS NOT NULL" if columns.nulls_distinct else "")
    return statement("probes/collisions").format(
        role=of("t", role),
        target=target_name(moving.shape),
        mapped=moving.joined_to("t", "m"),
        after=moving.after("t", "m"),
        example=_example(columns.others),
        indexed=trusted(columns.predicate or "true"),
        others_set=sql.Composed([set_for_it.format(other) for other in others]),
        others=sql.Composed([sql.SQL(", {}").format(other) for other in others]),
    )


def _example(others: Sequence[str]) -> sql.Composable:
    """What colliding rows share, `name value`; under an index on the role alone that is nothing."""
    shared = [
        sql.SQL("{} || coalesce(min({}::text), 'NULL')").format(literal(f"{name} "), identifier("t", name))
        for name in others
    ]
    return sql.SQL("concat_ws(', ', {})").format(comma(shared)) if shared else sql.SQL("'all rows'")
