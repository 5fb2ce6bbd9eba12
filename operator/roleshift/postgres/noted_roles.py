"""Bringing the old roles back from where the table notes them itself, without a join with the image.

For a table that nobody has touched since the write, where the columns that the run filled were empty before.
The write's verification proved each note. All are compared with the image once more before anything is
committed, which another session can do meanwhile.
"""

from psycopg import sql

from roleshift.postgres import values
from roleshift.postgres.ranges import make_room
from roleshift.postgres.restore import Restoration, Restored, must_fit
from roleshift.postgres.session import Session
from roleshift.postgres.statements import any_of, comma, identifier, key_join_after, of, statement, type_of


async def may_do(session: Session, what: Restoration) -> bool:
    """Whether an untouched table notes its old roles, and had nothing in the other columns before."""
    if what.shape.previous_role is None or what.shape.is_array:
        return False
    filled = [sql.SQL("{} IS NOT NULL").format(identifier("i", name)) for name in _filled(what)]
    query = statement("noted_empty").format(image=what.way.image, filled=any_of(filled))
    return bool((await session.row(query))["were_empty"])


async def agree(session: Session, what: Restoration, rows: int) -> bool:
    """Whether the table notes for every row the very role that the image has; in a transaction that is open.

    Args:
        rows: of the image.
    """
    await make_room(session)
    query = statement("noted_agree").format(
        image=what.way.image,
        target=what.way.target,
        join=key_join_after(what.shape),
        left_by_run=values.LEFT_BY_RUN,
        agrees=sql.SQL("{} = i.role::text").format(_noted(what)),
    )
    row = await session.row(query, what.params)
    return bool(row["rows"] == rows)


async def restore(session: Session, what: Restoration, rows: int) -> Restored:
    """Restore every row, in the transaction that is open.

    Raises:
        DatabaseError: RowsSwallowed; not every row was restored.
    """
    role = sql.SQL("{} = {}").format(identifier(what.shape.role.name), _old_role(what))
    others = [column for column in what.shape.written if column is not what.shape.role]
    emptied = [sql.SQL("{} = NULL").format(identifier(column.name)) for column in others]
    query = statement("noted_restore").format(
        target=what.way.target, restorations=comma([role, *emptied]), left_by_run=values.LEFT_BY_RUN
    )
    done = (await session.execute(query, what.params)).rowcount
    must_fit(what, rows - done)
    return Restored(done)


def _filled(what: Restoration) -> list[str]:
    """The image's columns for what the run filled beside the role."""
    columns = values.image_columns_of_written(what.shape)
    return [name for column, name in columns if column is not what.shape.role]


def _noted(what: Restoration) -> sql.Composable:
    assert what.shape.previous_role is not None
    return sql.SQL("{}::text").format(of("t", what.shape.previous_role))


def _old_role(what: Restoration) -> sql.Composable:
    role, previous = what.shape.role, what.shape.previous_role
    if previous is not None and previous.type_name == role.type_name:
        return of("t", previous)
    return sql.SQL("{}::{}").format(_noted(what), type_of(role))
