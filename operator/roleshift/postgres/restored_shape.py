"""The table as it is when its old roles come back: weeks later columns may be gone, retyped or new.

A bookkeeping column that is gone is done without; a key, the role column or an old role that is gone stops
the restore with an error that says what to put back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from roleshift.engine.target import Column, TargetShape
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres.session import Session
from roleshift.postgres.statements import image_key, image_table, statement
from roleshift.postgres.values import image_columns_of_written


@dataclass(frozen=True, slots=True)
class RestoredShape:
    """What the catalog says at the time of the restore.

    Attributes:
        shape: with the types of today, and without bookkeeping columns that are gone; `whole` is what a row
            can be inserted with today.
        retyped: columns whose type is another one than the image's.
        gone: names of bookkeeping columns that are not there any more.
        merged: for each column that a removed row is brought back with, its place in the image's
            `whole_row`, counted from 1.
        meddlers: names of triggers and rules that may change or swallow what is updated.
        is_same_table: whether it is the very table that the run wrote.
    """

    shape: TargetShape
    retyped: frozenset[str]
    gone: tuple[str, ...]
    merged: tuple[tuple[int, Column], ...]
    meddlers: tuple[str, ...]
    is_same_table: bool

    @property
    def is_as_planned(self) -> bool:
        """Whether nothing of it has changed since the run wrote."""
        return self.is_same_table and not self.retyped and not self.gone


async def restored_shape(
    session: Session, shape: TargetShape, image: str, old_roles: Iterable[str]
) -> RestoredShape:
    """Read the catalog.

    Args:
        shape: as planned.
        old_roles: roles that come back, as a row holds them.

    Raises:
        DatabaseError: ColumnNotFound or RoleNotInType: something that the restore needs is gone.
    """
    kept = _kept(shape)
    row = await session.row(
        statement("restore_catalog"),
        {
            "schema": shape.schema,
            "table": shape.table,
            "image": image_table(image).as_string().replace("%%", "%"),
            "names": [column.name for column, _ in kept],
            "kept": [name for _, name in kept],
            "role": shape.role.name,
        },
    )
    types = {found["name"]: found for found in row["columns"] or ()}
    _must_be_there(shape, row["names"] or ())
    _must_hold(shape, row, old_roles)
    return _restored(shape, types, row)


def _kept(shape: TargetShape) -> list[tuple[Column, str]]:
    keys = [(column, image_key(position)) for position, column in enumerate(shape.key, start=1)]
    written = {column.name: (column, name) for column, name in image_columns_of_written(shape)}
    return [*(one for one in keys if one[0].name not in written), *written.values()]


def _must_be_there(shape: TargetShape, names: Iterable[str]) -> None:
    others = (name for constraint in shape.constraints for name in constraint.others)
    scope = (term.column.name for term in shape.scope)
    needed = dict.fromkeys((*(column.name for column in (*shape.key, shape.role)), *others, *scope))
    lost = [name for name in needed if name not in names]
    if lost:
        raise DatabaseError(
            Reason.COLUMN_NOT_FOUND,
            f"{shape.display_name} has no column {', '.join(lost)} any more, and the restore needs it: "
            "add it again, or rename it as it was when the run wrote",
        )


def _must_hold(shape: TargetShape, row: dict[str, Any], old_roles: Iterable[str]) -> None:
    labels = row["labels"]
    lost = [role for role in dict.fromkeys(old_roles) if role not in labels] if labels is not None else []
    if lost:
        missing = "; ".join(f"ALTER TYPE {row['enum']} ADD VALUE '{role}'" for role in lost)
        raise DatabaseError(
            Reason.ROLE_NOT_IN_TYPE,
            f"the type of {shape.display_name}.{shape.role.name} has roles no more that were held before the "
            f"run: put them back ({missing})",
        )


def _restored(shape: TargetShape, types: dict[str, Any], row: dict[str, Any]) -> RestoredShape:
    now = {column.name: _as_it_is(column, types) for column, _ in _kept(shape) if column.name in types}
    optional = (shape.previous_role, shape.seniority, shape.migrated_at)
    insertable = {found["name"]: found["type"] for found in row["insertable"] or ()}
    places = enumerate(shape.whole, start=1)
    return RestoredShape(
        shape=replace(
            shape,
            key=tuple(now[column.name] for column in shape.key),
            role=now[shape.role.name],
            previous_role=now.get(shape.previous_role.name) if shape.previous_role else None,
            seniority=now.get(shape.seniority.name) if shape.seniority else None,
            migrated_at=now.get(shape.migrated_at.name) if shape.migrated_at else None,
            whole=tuple(_insertable(shape, *one) for one in insertable.items()) if shape.whole else (),
        ),
        retyped=frozenset(found["name"] for found in types.values() if found["retyped"]),
        gone=tuple(column.name for column in optional if column and column.name not in types),
        merged=tuple(
            (place, replace(c, type_name=insertable[c.name])) for place, c in places if c.name in insertable
        ),
        meddlers=tuple(row["meddlers"] or ()),
        is_same_table=row["oid"] == shape.oid,
    )


def _as_it_is(column: Column, types: dict[str, Any]) -> Column:
    return replace(column, type_name=types[column.name]["type"])


def _insertable(shape: TargetShape, name: str, type_name: str) -> Column:
    """A column that a row is inserted with: as planned, or one that came later."""
    planned = next((column for column in shape.whole if column.name == name), None)
    return replace(planned or Column(name, type_name, type_name, "", False, False), type_name=type_name)
