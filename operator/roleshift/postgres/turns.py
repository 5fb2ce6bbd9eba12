"""Rows that have to wait for each other: the turns of an image, and rows that are taken out and put back.

Under a unique constraint that holds the role a single UPDATE fails by the order of the heap. So each turn
is a statement of its own, and the rows of a cycle whose place is taken are parked: kept with every column,
removed, and inserted again when their place is free.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from psycopg import sql

from roleshift.engine.naming import parking_name
from roleshift.engine.order import MERGED, PARKED
from roleshift.engine.target import Column, TargetShape
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres.session import Session
from roleshift.postgres.statements import (
    all_of,
    comma,
    identifier,
    image_table,
    key_join,
    key_join_after,
    of,
    same_row,
    statement,
    target_name,
)
from roleshift.postgres.values import image_columns_of_written, value_before, written_value

_IS_PARKED = sql.SQL("i.turn = {}").format(sql.Literal(PARKED))
"""What the image knows of a parked row: a row that Merge removed may have the same key afterwards."""


async def turns_of(session: Session, shape: TargetShape, image: str) -> list[int]:
    """The turns in which rows of an image are updated, first one first."""
    if not shape.ordered:
        return [PARKED + 1]
    rows = await session.rows(statement("image_turns").format(image=image_table(image)))
    return [row["turn"] for row in rows if row["turn"] > PARKED]


def its_turn(shape: TargetShape) -> sql.Composable:
    """One more condition: that a row of the image is one of the turn in `%(turn)s`."""
    return sql.SQL(" AND i.turn = %(turn)s" if shape.ordered else "")


def is_written(shape: TargetShape) -> sql.Composable:
    """Whether a row of the image is there after the write."""
    return sql.SQL("i.turn > {}").format(sql.Literal(MERGED)) if shape.merges else sql.SQL("true")


async def merged_rows(session: Session, shape: TargetShape, image: str) -> Mapping[str, int]:
    """Stored value of a new role → rows that Merge removes."""
    if not shape.merges:
        return {}
    rows = await session.rows(statement("image_merged").format(image=image_table(image)))
    return {row["role"]: row["rows"] for row in rows}


async def remove_merged(session: Session, shape: TargetShape, image: str) -> int:
    """Remove the rows whose place others keep; returns how many."""
    if not shape.merges:
        return 0
    return (await session.execute(merge_statement(shape, image))).rowcount


def merge_statement(shape: TargetShape, image: str) -> sql.Composed:
    """DELETE of rows that Merge removes."""
    return statement("merge_remove").format(
        target=target_name(shape), image=image_table(image), join=key_join(shape)
    )


@dataclass(frozen=True, slots=True)
class Parking:
    """Rows of an image that are taken out of the target and put back.

    Attributes:
        found_by: how a row of the target is found by the image before it is taken out.
        placed_by: how it is found when it was put back.
        parked: which rows of the image these are.
        values: what the columns that a run writes hold when the rows come back; `i` is the image.
    """

    shape: TargetShape
    image: str
    found_by: Callable[[TargetShape, str], sql.Composable]
    placed_by: Callable[[TargetShape, str], sql.Composable]
    parked: sql.Composable
    values: Mapping[str, sql.Composable]

    @classmethod
    def for_write(cls, shape: TargetShape, image: str) -> "Parking":
        """Rows of a cycle, as they are and as they become."""
        written = {column.name: written_value(shape, column) for column in shape.written}
        return cls(shape, image, key_join, key_join_after, _IS_PARKED, written)

    @classmethod
    def for_restore(
        cls, shape: TargetShape, image: str, restorable: sql.Composable, retyped: Collection[str]
    ) -> "Parking":
        """The same rows on their way back; `retyped` as in `values.value_before`."""
        kept = image_columns_of_written(shape)
        old = {column.name: value_before(column, name, retyped) for column, name in kept}
        parked = all_of([_IS_PARKED, restorable])
        return cls(shape, image, key_join_after, key_join, parked, old)

    @property
    def is_needed(self) -> bool:
        """Whether a mapping may need it at all."""
        return bool(self.shape.ordered and self.shape.whole)

    @property
    def _table(self) -> sql.SQL:
        return image_table(parking_name(self.image))

    def keep_statement(self) -> sql.Composed:
        """Keeps the rows."""
        return statement("park_keep").format(
            parking=self._table,
            columns=comma([of("t", column) for column in self.shape.whole]),
            target=target_name(self.shape),
            image=image_table(self.image),
            join=self.found_by(self.shape, "t"),
            parked=self.parked,
        )

    def remove_statement(self) -> sql.Composed:
        """Removes them."""
        return statement("park_remove").format(
            target=target_name(self.shape), parking=self._table, join=same_row(self.shape, "t", "p")
        )

    def insert_statement(self) -> sql.Composed:
        """Puts them back."""
        return statement("park_insert").format(
            target=target_name(self.shape),
            parking=self._table,
            image=image_table(self.image),
            names=comma([identifier(column.name) for column in self.shape.whole]),
            columns=comma([self._value(column) for column in self.shape.whole]),
            join=all_of([self.found_by(self.shape, "p"), _IS_PARKED]),
        )

    def _value(self, column: Column) -> sql.Composable:
        return self.values.get(column.name, of("p", column))

    def drop_statement(self) -> sql.Composed:
        """Drops what kept them."""
        return sql.SQL("DROP TABLE {}").format(self._table)

    def changed_statement(self) -> sql.Composed:
        """Counts rows that came back otherwise than they went."""
        others = [column for column in self.shape.whole if column.name not in self.values]
        same = sql.SQL("({})::text IS NOT DISTINCT FROM ({})::text")
        return statement("park_changed").format(
            parking=self._table,
            image=image_table(self.image),
            target=target_name(self.shape),
            taken=all_of([self.found_by(self.shape, "p"), _IS_PARKED]),
            placed=self.placed_by(self.shape, "t"),
            same=all_of([same.format(of("t", column), of("p", column)) for column in others]),
        )

    async def _must_be_unchanged(self, session: Session) -> None:
        row = await session.row(self.changed_statement(), {"oid": self.shape.oid})
        if row["rows"]:
            raise DatabaseError(
                Reason.ROWS_SWALLOWED,
                f"{row['rows']} rows that were taken out and put back came back with other values (triggers "
                f"for INSERT: {row['triggers'] or 'none'}); the transaction was rolled back: disable or mend "
                "the trigger, then retry the run",
            )

    async def take_out(self, session: Session, params: Mapping[str, object]) -> None:
        """Keep and remove the rows."""
        if self.is_needed:
            await session.execute(self.keep_statement(), params)
            await session.execute(self.remove_statement())

    async def put_back(self, session: Session, params: Mapping[str, object]) -> int:
        """Insert the rows that were taken out; returns how many."""
        if not self.is_needed:
            return 0
        done = (await session.execute(self.insert_statement(), params)).rowcount
        await self._must_be_unchanged(session)
        await session.execute(self.drop_statement())
        return done
