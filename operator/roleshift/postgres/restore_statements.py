"""The statements of a restore, composed for the shape of the table.

In each `i` is the image and `t` the target's row as the run left it, found by the key that it has now.
Where the key holds the role, `b` is the row that has the old key.
"""

from psycopg import sql

from roleshift.engine.target import TargetShape
from roleshift.postgres import values
from roleshift.postgres.moving import Moving, same_place
from roleshift.postgres.statements import (
    all_of,
    comma,
    identifier,
    image_key,
    image_table,
    key_join,
    key_join_after,
    of,
    statement,
    target_name,
    type_of,
)
from roleshift.postgres.turns import Parking, is_written, its_turn

_FALSE = sql.SQL("false")


def conflicts_statement(shape: TargetShape, image: str) -> sql.Composed:
    """Logs the rows that somebody changed since."""
    return statement("restore_conflicts").format(
        image=image_table(image),
        key=_key(shape),
        joins=_joins_before(shape, image),
        written=is_written(shape),
        changed=_changed(shape),
    )


def _changed(shape: TargetShape) -> sql.Composed:
    """Whether a row is neither as the run left it nor as before.

    Where the key holds the role, a row under the new key counts first: one under the old key may be new.
    """
    parts = {
        "is_there": sql.SQL("{} IS NOT NULL").format(of("t", shape.key[0])),
        "is_at_old_key": sql.SQL("{} IS NOT NULL").format(of(_before(shape), shape.key[0])),
        "as_left": values.as_left_by_run(shape),
        "as_before": values.all_as_before(shape, _before(shape)),
    }
    return (_CHANGED_IN_KEY if shape.role_in_key else _CHANGED).format(**parts)


def blocked_statements(shape: TargetShape, image: str) -> list[sql.Composed]:
    """Log the rows whose old place is taken; again and again, until no more are found."""
    parts = {
        "image": image_table(image),
        "target": target_name(shape),
        "key": _key(shape),
        "logged": _logged(shape),
        "role_of_other": _role_of_other(shape),
        "leaves": _leaves(shape, image),
    }
    blocked = statement("restore_blocked").format(
        join=key_join_after(shape),
        written=is_written(shape),
        as_left=values.as_left_by_run(shape),
        same_place=same_place(shape, "o", "t"),
        same_row=_same_row(shape, "o", "t"),
        **parts,
    )
    if not shape.merges:
        return [blocked]
    unmergeable = statement("restore_unmergeable").format(
        same_user=_same_user(shape), same_key=key_join(shape, "o"), is_back=_is_back(shape), **parts
    )
    return [blocked, unmergeable]


def range_statement(shape: TargetShape, image: str) -> sql.Composed:
    """Restores the rows of one range and one turn."""
    return statement("restore_range").format(
        target=target_name(shape),
        image=image_table(image),
        restorations=values.restorations(shape),
        join=key_join_after(shape),
        its_turn=its_turn(shape),
        as_left=values.as_left_by_run(shape),
        logged=_logged(shape),
    )


def parking_of(shape: TargetShape, image: str) -> Parking:
    """Rows of a cycle on their way back."""
    restorable = sql.SQL("{} AND NOT {}").format(values.as_left_by_run(shape), _logged(shape))
    return Parking.for_restore(shape, image, restorable)


def merged_statement(shape: TargetShape, image: str) -> sql.Composed:
    """Brings back the rows that Merge removed."""
    whole = [
        sql.SQL("i.whole_row[{}]::{}").format(sql.Literal(n), type_of(column))
        for n, column in enumerate(shape.whole, start=1)
    ]
    return statement("restore_merged").format(
        target=target_name(shape),
        image=image_table(image),
        names=comma([identifier(column.name) for column in shape.whole]),
        columns=comma(whole),
        logged=_logged(shape),
        is_back=_is_back(shape),
        same_user=_same_user(shape),
    )


def born_statement(moving: Moving, image: str) -> sql.Composed:
    """Gives rows that were born since their old role."""
    shape = moving.shape
    return statement("restore_born").format(
        target=target_name(shape),
        role=identifier(shape.role.name),
        role_type=type_of(shape.role),
        scope=moving.in_scope("t"),
        unknown=_unknown(shape, image),
        same_place=same_place(shape, "o", "t"),
        role_of_other=_role_of_other(shape),
    )


def verify_statement(moving: Moving, image: str) -> sql.Composed:
    """The restored table against the image."""
    shape = moving.shape
    holds = "{}::text[] && %(new_only)s" if shape.is_array else "{}::text = ANY(%(new_only)s)"
    return statement("restore_verify").format(
        target=target_name(shape),
        image=image_table(image),
        holds_new=sql.SQL(holds).format(of("t", shape.role)),
        scope=moving.in_scope("t"),
        unknown=_unknown(shape, image),
        before_key=of(_before(shape), shape.key[0]),
        as_before=values.all_as_before(shape, _before(shape)),
        present=_present(shape),
        logged=_logged(shape),
        joins=_joins_after(shape, image),
    )


def _before(shape: TargetShape) -> str:
    """The alias of the row that has the old key."""
    return "b" if shape.role_in_key else "t"


_CHANGED = sql.SQL("{is_there} AND ({as_left}) IS NOT TRUE AND ({as_before}) IS NOT TRUE")
_CHANGED_IN_KEY = sql.SQL(
    "CASE WHEN {is_there} THEN ({as_left}) IS NOT TRUE ELSE {is_at_old_key} AND ({as_before}) IS NOT TRUE END"
)
_BY_NEW_KEY = sql.SQL("LEFT JOIN {target} AS t ON {after}")
_BY_OLD_KEY_WHERE_IT_STAYS = sql.SQL(
    " LEFT JOIN LATERAL (SELECT o.* FROM {target} AS o WHERE {before} AND NOT {leaves}) AS b ON true"
)
_BY_NEW_KEY_UNLESS_BACK = sql.SQL(
    "LEFT JOIN LATERAL (SELECT o.*, o.xmin FROM {target} AS o WHERE {after} AND NOT {is_back}) AS t ON true"
)
_BY_OLD_KEY = sql.SQL(" LEFT JOIN {target} AS b ON {before}")


def _joins_before(shape: TargetShape, image: str) -> sql.Composed:
    """The rows that a row of the image may be now, before anything is restored.

    Where the key holds the role, a row can have the old key of one and the new key of another: what will
    leave the old key of this one is that other one, and so is what is back under the new key of this one.
    """
    target = target_name(shape)
    if not shape.role_in_key:
        return _BY_NEW_KEY.format(target=target, after=key_join_after(shape))
    return _by_new_key_unless_back(shape, image) + _BY_OLD_KEY_WHERE_IT_STAYS.format(
        target=target, before=key_join(shape, "o"), leaves=_leaves(shape, image)
    )


def _joins_after(shape: TargetShape, image: str) -> sql.Composed:
    """The same after the restore: what has the new key of this one may be another one under its old key."""
    target = target_name(shape)
    if not shape.role_in_key:
        return _BY_NEW_KEY.format(target=target, after=key_join_after(shape))
    by_old_key = _BY_OLD_KEY.format(target=target, before=key_join(shape, "b"))
    return _by_new_key_unless_back(shape, image) + by_old_key


def _by_new_key_unless_back(shape: TargetShape, image: str) -> sql.Composed:
    is_back = sql.SQL("EXISTS (SELECT FROM {} AS i WHERE {} AND {})").format(
        image_table(image), key_join(shape, "o"), values.all_as_before(shape, "o")
    )
    return _BY_NEW_KEY_UNLESS_BACK.format(
        target=target_name(shape), after=key_join_after(shape, "o"), is_back=is_back
    )


def _present(shape: TargetShape) -> sql.Composed:
    rows = dict.fromkeys(("t", _before(shape)))
    found = [sql.SQL("{} IS NOT NULL").format(of(row, shape.key[0])) for row in rows]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(found))


def _key(shape: TargetShape) -> sql.Composed:
    """The key that a row had before the run."""
    return comma([identifier("i", image_key(n)) for n, _ in enumerate(shape.key, start=1)])


def _logged(shape: TargetShape) -> sql.Composable:
    """Only where one row can be in another one's way is a conflict no longer seen in the row itself."""
    return statement("parts/logged").format(key=_key(shape)) if shape.constraints else _FALSE


def _role_of_other(shape: TargetShape) -> sql.Composed:
    return sql.SQL("{}::text").format(of("o", shape.role))


def _same_row(shape: TargetShape, one: str, other: str) -> sql.Composable:
    return sql.SQL("({})").format(
        all_of([sql.SQL("{} = {}").format(of(one, key), of(other, key)) for key in shape.key])
    )


def _leaves(shape: TargetShape, image: str) -> sql.Composed:
    return statement("parts/leaves").format(
        image=image_table(image),
        target=target_name(shape),
        join=key_join_after(shape),
        same_row=_same_row(shape, "t", "o"),
        written=is_written(shape),
        as_left=values.as_left_by_run(shape),
        logged=_logged(shape),
    )


def _same_user(shape: TargetShape) -> sql.Composable:
    """Whether a row `o` stands beside the place of a row that Merge removed."""
    position = {column.name: n for n, column in enumerate(shape.whole, start=1)}
    types = {column.name: type_of(column) for column in shape.whole}
    if not shape.constraints:
        return _FALSE
    others = shape.constraints[0].others
    same = [
        sql.SQL("{} = i.whole_row[{}]::{}").format(
            identifier("o", name), sql.Literal(position[name]), types[name]
        )
        for name in others
    ]
    return sql.SQL("({})").format(all_of(same))


def _is_back(shape: TargetShape) -> sql.Composed:
    """Whether a row that Merge removed is there again, as it was to the last column."""
    same = sql.SQL("({})::text IS NOT DISTINCT FROM i.whole_row[{}]")
    columns = [same.format(of("t", column), sql.Literal(n)) for n, column in enumerate(shape.whole, start=1)]
    return sql.SQL("EXISTS (SELECT FROM {} AS t WHERE {} AND {})").format(
        target_name(shape), key_join(shape), all_of(columns)
    )


def _unknown(shape: TargetShape, image: str) -> sql.Composable:
    """Whether a row is one that the image does not know, neither by its old key nor by its new one."""
    joins = [key_join(shape), *([key_join_after(shape)] if shape.role_in_key else [])]
    absent = [
        sql.SQL("NOT EXISTS (SELECT FROM {} AS i WHERE {})").format(image_table(image), join)
        for join in joins
    ]
    return all_of(absent)
