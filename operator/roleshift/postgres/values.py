"""What a run writes into a row, and what it wrote: one definition, used to write, compare and restore.

In every expression `i` is the image and `t` the target.
"""

from collections.abc import Collection

from psycopg import sql

from roleshift.engine.target import Column, TargetShape
from roleshift.postgres.statements import comma, identifier, of, type_of

_TRUE = sql.SQL("true")
LEFT_BY_RUN = sql.SQL("t.xmin = %(xid)s::text::xid")
"""Whether nobody made a new version of a row since the run wrote it."""


def written_value(shape: TargetShape, column: Column) -> sql.Composable:
    """The value that a run gives to a column, in the column's type (so that its precision applies)."""
    if column is shape.role:
        return identifier("i", "to_role")
    if column is shape.previous_role:
        return sql.SQL("i.role::text::{}").format(type_of(column))
    if column is shape.seniority:
        return identifier("i", "to_seniority")
    return sql.SQL("%(written_at)s::timestamptz::{}").format(type_of(column))


def assignments(shape: TargetShape) -> sql.Composed:
    """The SET list of the write."""
    return comma(
        [
            sql.SQL("{} = {}").format(identifier(column.name), written_value(shape, column))
            for column in shape.written
        ]
    )


def holds_written(shape: TargetShape, column: Column | None) -> sql.Composable:
    """Whether the target's column holds what the run wrote; true where there is no such column.

    Compared as text, because not every type has an equality (json) or an ordering.
    """
    if column is None:
        return _TRUE
    return sql.SQL("({})::text IS NOT DISTINCT FROM ({})::text").format(
        of("t", column), written_value(shape, column)
    )


def image_columns_of_written(shape: TargetShape) -> list[tuple[Column, str]]:
    """Each written column of the target with the image's column that keeps its old value."""
    named = (
        (shape.role, "role"),
        (shape.previous_role, "previous_role"),
        (shape.seniority, "seniority"),
        (shape.migrated_at, "migrated_at"),
    )
    return [(column, name) for column, name in named if column is not None]


def value_before(column: Column, name: str, retyped: Collection[str]) -> sql.Composable:
    """What a column held before the run, in the type that it has now.

    Args:
        name: the image's column that keeps it.
        retyped: columns of the target that have another type than when the image was made.
    """
    kept = identifier("i", name)
    return sql.SQL("{}::text::{}").format(kept, type_of(column)) if column.name in retyped else kept


def restorations(shape: TargetShape, retyped: Collection[str] = ()) -> sql.Composed:
    """The SET list of the restore; `retyped` as in `value_before`."""
    return comma(
        [
            sql.SQL("{} = {}").format(identifier(column.name), value_before(column, name, retyped))
            for column, name in image_columns_of_written(shape)
        ]
    )


def all_written(shape: TargetShape) -> sql.Composed:
    """Whether every written column holds what the run wrote."""
    return sql.SQL(" AND ").join(holds_written(shape, column) for column in shape.written)


def as_left_by_run(shape: TargetShape) -> sql.Composed:
    """Whether a row is as the run left it: every value is, or nobody made a new version of it since.

    The second covers what triggers made of the values in the run's own transaction. The first is needed
    because a login changes the version.
    """
    return sql.SQL("({} OR ({}))").format(LEFT_BY_RUN, all_written(shape))


def all_as_before(shape: TargetShape, row: str = "t") -> sql.Composed:
    """Whether every written column holds what it held before the run."""
    return sql.SQL(" AND ").join(
        sql.SQL("({})::text IS NOT DISTINCT FROM ({})::text").format(of(row, column), identifier("i", name))
        for column, name in image_columns_of_written(shape)
    )
