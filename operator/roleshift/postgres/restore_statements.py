"""The statements of a restore, composed for the shape of the table; their parts are `way_back`'s."""

from psycopg import sql

from roleshift.api import OnConflict
from roleshift.postgres import values
from roleshift.postgres.moving import Moving, same_place
from roleshift.postgres.statements import (
    comma,
    identifier,
    key_join,
    key_join_after,
    literal,
    of,
    same_row,
    statement,
    type_of,
)
from roleshift.postgres.turns import Parking, is_written, its_turn
from roleshift.postgres.way_back import WayBack

_CHANGED = sql.SQL("{is_there} AND ({as_left}) IS NOT TRUE AND ({as_before}) IS NOT TRUE")
_CHANGED_IN_KEY = sql.SQL(
    "CASE WHEN {is_there} THEN ({as_left}) IS NOT TRUE ELSE {is_at_old_key} AND ({as_before}) IS NOT TRUE END"
)
_FOUND_IN_KEY = sql.SQL("CASE WHEN {is_there} THEN {new} ELSE {old} END")
_HOLDS_ANY = {True: sql.SQL("{}::text[] && {}"), False: sql.SQL("{}::text = ANY({})")}


def conflicts_statement(way: WayBack) -> sql.Composed:
    """Logs the rows that somebody changed since and that are left as they are."""
    stays = sql.SQL("({}) AND NOT {}").format(_changed(way), way.overwritten)
    return _log_statement(way, stays, "Conflict", "it was left as it is")


def overwritten_statement(way: WayBack) -> sql.Composed:
    """Logs those that are overwritten; comes when every conflict is known."""
    goes = sql.SQL("({}) AND {} AND NOT {}").format(_changed(way), way.overwritten, way.logged)
    return _log_statement(way, goes, "Overwritten", "it was overwritten")


def _log_statement(way: WayBack, which: sql.Composed, kind: str, end: str) -> sql.Composed:
    return statement("restore_conflicts").format(
        kind=literal(kind),
        message=literal(f"the role was changed after the migration; {end}"),
        image=way.image,
        key=way.key,
        joins=way.joins_before,
        written=is_written(way.shape),
        changed=which,
        found=_found(way),
    )


def _changed(way: WayBack) -> sql.Composed:
    """Whether a row is neither as the run left it nor as before.

    Where the key holds the role, a row under the new key counts first: one under the old key may be new.
    """
    return (_CHANGED_IN_KEY if way.shape.role_in_key else _CHANGED).format(
        is_there=way.is_there, is_at_old_key=way.is_at_old_key, as_left=way.as_left, as_before=way.as_before
    )


def _found(way: WayBack) -> sql.Composed:
    if not way.shape.role_in_key:
        return way.found("t")
    return _FOUND_IN_KEY.format(is_there=way.is_there, new=way.found("t"), old=way.found("b"))


def blocked_statements(way: WayBack) -> list[sql.Composed]:
    """Log the rows whose old place is taken; again and again, until no more are found."""
    shape = way.shape
    parts = {
        "image": way.image,
        "target": way.target,
        "key": way.key,
        "logged": way.logged,
        "role_of_other": way.role_of_other,
        "leaves": way.leaves,
    }
    blocked = statement("restore_blocked").format(
        join=key_join_after(shape),
        written=is_written(shape),
        movable=way.movable,
        same_place=same_place(shape, "o", "t"),
        same_row=same_row(shape, "o", "t"),
        found=way.found("t"),
        **parts,
    )
    if not shape.merges:
        return [blocked]
    unmergeable = statement("restore_unmergeable").format(
        same_user=way.same_user, same_key=key_join(shape, "o"), is_back=way.merged_is_back, **parts
    )
    return [blocked, unmergeable]


def range_statement(way: WayBack) -> sql.Composed:
    """Restores the rows of one range and one turn."""
    return statement("restore_range").format(
        target=way.target,
        image=way.image,
        restorations=values.restorations(way.shape, way.table.retyped),
        join=key_join_after(way.shape),
        its_turn=its_turn(way.shape),
        movable=way.movable,
        logged=way.logged,
    )


def untouched_statement(way: WayBack) -> sql.Composed:
    """Restores and compares the rows of one range, of which nobody has touched one since."""
    return statement("restore_untouched").format(
        target=way.target,
        image=way.image,
        restorations=values.restorations(way.shape),
        join=key_join_after(way.shape),
        left_by_run=values.LEFT_BY_RUN,
        as_before=values.all_as_before(way.shape),
    )


def standing_statement(way: WayBack) -> sql.Composed:
    """How many rows are as the run left them, and how many others hold a role that may have come with it."""
    return statement("restore_standing").format(
        target=way.target, left_by_run=values.LEFT_BY_RUN, holds_new=_holds(way, "%(roles)s")
    )


def parking_of(way: WayBack) -> Parking:
    """Rows of a cycle on their way back."""
    restorable = sql.SQL("{} AND NOT {}").format(way.movable, way.logged)
    return Parking.for_restore(way.shape, way.image_name, restorable, way.table.retyped)


def merged_statement(way: WayBack) -> sql.Composed:
    """Brings back the rows that Merge removed."""
    return statement("restore_merged").format(
        target=way.target,
        image=way.image,
        names=comma([identifier(column.name) for _, column in way.table.merged]),
        columns=comma(way.merged_values),
        logged=way.logged,
        is_back=way.merged_is_back,
        same_user=way.same_user,
    )


def born_statement(moving: Moving, way: WayBack) -> sql.Composed:
    """Gives rows that were born since their old role."""
    return statement("restore_born").format(
        target=way.target,
        role=identifier(way.shape.role.name),
        role_type=type_of(way.shape.role),
        scope=moving.in_scope("t"),
        unknown=way.unknown,
        same_place=same_place(way.shape, "o", "t"),
        role_of_other=way.role_of_other,
    )


def born_left_statement(moving: Moving, way: WayBack) -> sql.Composed:
    """Rows that were born since and keep a role of the run."""
    return statement("restore_born_left").format(
        target=way.target,
        holds_new=_holds(way, "%(new_only)s"),
        scope=moving.in_scope("t"),
        unknown=way.unknown,
    )


def verify_statement(way: WayBack) -> sql.Composed:
    """The restored table against the image."""
    return statement("restore_verify").format(
        image=way.image,
        before_key=of(way.before, way.shape.key[0]),
        as_before=way.as_before,
        present=_present(way),
        logged=way.logged,
        joins=way.joins_after,
    )


def _holds(way: WayBack, roles: str) -> sql.Composed:
    return _HOLDS_ANY[way.shape.is_array].format(of("t", way.shape.role), sql.SQL(roles))


def _present(way: WayBack) -> sql.Composed:
    return sql.SQL("({} OR {})").format(way.is_there, way.is_at_old_key)


def every_statement(moving: Moving, image: str) -> tuple[list[sql.Composed], list[sql.Composed]]:
    """What a restore may run, for a look at the rights: what needs the log of rollbacks, and the rest."""
    way = WayBack.as_planned(moving.shape, image, OnConflict.SKIP)
    shape = moving.shape
    with_log = [
        conflicts_statement(way),
        *(blocked_statements(way) if shape.constraints else []),
        *([merged_statement(way)] if shape.merges else []),
    ]
    restoring = [
        standing_statement(way),
        range_statement(way),
        born_statement(moving, way),
        verify_statement(way),
        born_left_statement(moving, way),
    ]
    return with_log, restoring
