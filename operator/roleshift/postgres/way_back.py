"""The parts that the statements of a restore are made of, for a table, an image and a rule for conflicts.

In each `i` is the image and `t` the target's row as the run left it, found by the key that it has now.
Where the key holds the role, `b` is the row that has the old key; `o` is any other row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from roleshift.api import OnConflict
from roleshift.engine.target import Column, TargetShape
from roleshift.postgres import values
from roleshift.postgres.restored_shape import RestoredShape
from roleshift.postgres.statements import (
    all_of,
    any_of,
    comma,
    identifier,
    image_key,
    image_table,
    key_join,
    key_join_after,
    literal,
    of,
    same_row,
    statement,
    target_name,
    type_of,
)
from roleshift.postgres.turns import is_written

_FALSE = sql.SQL("false")
_BY_NEW_KEY = sql.SQL("LEFT JOIN {target} AS t ON {after}")
_BY_OLD_KEY_UNLESS_ANOTHER = sql.SQL(
    " LEFT JOIN LATERAL (SELECT o.* FROM {target} AS o WHERE {before} AND NOT {another}) AS b ON true"
)
_BY_NEW_KEY_UNLESS_BACK = sql.SQL(
    "LEFT JOIN LATERAL (SELECT o.*, o.xmin FROM {target} AS o WHERE {after} AND NOT {is_back}) AS t ON true"
)


@dataclass(frozen=True, slots=True)
class WayBack:
    """How rows of a table come back from an image."""

    table: RestoredShape
    image_name: str
    on_conflict: OnConflict

    @classmethod
    def as_planned(cls, shape: TargetShape, image: str, on_conflict: OnConflict) -> "WayBack":
        """The way back of a table that has not changed since its shape was planned."""
        merged = tuple(enumerate(shape.whole, start=1))
        return cls(RestoredShape(shape, frozenset(), (), merged, (), True), image, on_conflict)

    @property
    def shape(self) -> TargetShape:
        """The target as it is now."""
        return self.table.shape

    @property
    def target(self) -> sql.Composable:
        """The target's name."""
        return target_name(self.shape)

    @property
    def image(self) -> sql.Composable:
        """The image's name."""
        return image_table(self.image_name)

    @property
    def key(self) -> sql.Composed:
        """The key that a row had before the run."""
        return comma([identifier("i", image_key(n)) for n, _ in enumerate(self.shape.key, start=1)])

    # Which row of the target belongs to a row of the image

    @property
    def before(self) -> str:
        """The alias of the row that has the old key."""
        return "b" if self.shape.role_in_key else "t"

    @property
    def is_there(self) -> sql.Composable:
        """Whether there is a row under the key that the run left."""
        return sql.SQL("{} IS NOT NULL").format(of("t", self.shape.key[0]))

    @property
    def is_at_old_key(self) -> sql.Composable:
        """Whether there is a row under the key of before the run."""
        return sql.SQL("{} IS NOT NULL").format(of(self.before, self.shape.key[0]))

    @property
    def joins_before(self) -> sql.Composed:
        """The rows that a row of the image may be now, before anything is restored.

        Where the key holds the role, a row can have the old key of one and the new key of another: what will
        leave the old key of this one is that other one, and so is what is back under the new key of this one.
        """
        if not self.shape.role_in_key:
            return self._by_new_key
        return self._by_new_key_unless_back + self._by_old_key_unless(self.leaves)

    @property
    def joins_after(self) -> sql.Composed:
        """The same after the restore: what has the old key of this one may be another that had to stay."""
        if not self.shape.role_in_key:
            return self._by_new_key
        return self._by_new_key_unless_back + self._by_old_key_unless(self._stays)

    def _by_old_key_unless(self, goes_with_another: sql.Composable) -> sql.Composed:
        return _BY_OLD_KEY_UNLESS_ANOTHER.format(
            target=self.target,
            before=key_join(self.shape, "o"),
            another=any_of([goes_with_another, self._is_claimed]),
        )

    @property
    def _is_claimed(self) -> sql.Composed:
        """Whether a row `o` belongs to another row of the image, so that it counts once."""
        return statement("parts/claimed").format(
            image=self.image,
            join=key_join_after(self.shape, "o"),
            written=is_written(self.shape),
            is_back=self._is_back("o"),
        )

    @property
    def _by_new_key(self) -> sql.Composed:
        return _BY_NEW_KEY.format(target=self.target, after=key_join_after(self.shape))

    @property
    def _by_new_key_unless_back(self) -> sql.Composed:
        return _BY_NEW_KEY_UNLESS_BACK.format(
            target=self.target, after=key_join_after(self.shape, "o"), is_back=self._is_back("o")
        )

    def _is_back(self, row: str) -> sql.Composed:
        """Whether a row is as one of the image was before; where the key holds the role, any one of it."""
        as_before = values.all_as_before(self.shape, row)
        if not self.shape.role_in_key:
            return as_before
        return sql.SQL("EXISTS (SELECT FROM {} AS i WHERE {} AND {})").format(
            self.image, key_join(self.shape, row), as_before
        )

    @property
    def unknown(self) -> sql.Composable:
        """Whether a row is one that the image does not know, neither by its old key nor by its new one."""
        joins = [key_join(self.shape), *([key_join_after(self.shape)] if self.shape.role_in_key else [])]
        absent = sql.SQL("NOT EXISTS (SELECT FROM {} AS i WHERE {})")
        return all_of([absent.format(self.image, join) for join in joins])

    # What becomes of a row

    @property
    def as_left(self) -> sql.Composable:
        """Whether a row is as the run left it."""
        return values.as_left_by_run(self.shape)

    @property
    def as_before(self) -> sql.Composable:
        """Whether a row is as it was before the run."""
        return values.all_as_before(self.shape, self.before)

    @property
    def movable(self) -> sql.Composable:
        """Whether a row goes back as far as it alone is concerned: as the run left it, or overwritten."""
        if not self.overwrites:
            return self.as_left
        return any_of([self.as_left, sql.SQL("({}) IS NOT TRUE").format(self._is_back("t"))])

    @property
    def overwrites(self) -> bool:
        """Whether rows that somebody changed since go back too."""
        return self.on_conflict is OnConflict.OVERWRITE

    @property
    def overwritten(self) -> sql.Composable:
        """Whether a row that somebody changed since may be overwritten; one that left its place can't be."""
        return self.is_there if self.overwrites else _FALSE

    @property
    def logged(self) -> sql.Composable:
        """Whether a row is logged as a conflict.

        Only where one row can be in another one's way is that no longer seen in the row itself.
        """
        return statement("parts/logged").format(key=self.key) if self.shape.constraints else _FALSE

    @property
    def leaves(self) -> sql.Composed:
        """Whether a row `o` is one that the restore moves elsewhere."""
        return self._goes(sql.SQL("NOT {}").format(self.logged))

    @property
    def _stays(self) -> sql.Composed:
        """Whether a row `o` is one that the restore would have moved and that had to stay."""
        return self._goes(self.logged)

    def _goes(self, settled: sql.Composable) -> sql.Composed:
        return statement("parts/leaves").format(
            image=self.image,
            target=self.target,
            join=key_join_after(self.shape),
            same_row=same_row(self.shape, "t", "o"),
            written=is_written(self.shape),
            role=sql.SQL("{}::text").format(of("t", self.shape.role)),
            movable=self.movable,
            settled=settled,
        )

    def found(self, row: str) -> sql.Composed:
        """What a row holds now in the columns that the run wrote, as a JSON object of texts."""
        pairs = [
            sql.SQL("{}, {}::text").format(literal(column.name), of(row, column))
            for column in self.shape.written
        ]
        return sql.SQL("jsonb_build_object({})").format(comma(pairs))

    # Rows that Merge removed

    @property
    def role_of_other(self) -> sql.Composed:
        """The role of a row `o`, as text."""
        return sql.SQL("{}::text").format(of("o", self.shape.role))

    @property
    def same_user(self) -> sql.Composable:
        """Whether a row `o` stands beside the place of a row that Merge removed."""
        if not self.shape.constraints:
            return _FALSE
        places = {column.name: (place, column) for place, column in self.table.merged}
        same = [
            _kept_equals(identifier("o", name), *places[name]) for name in self.shape.constraints[0].others
        ]
        return sql.SQL("({})").format(all_of(same))

    @property
    def merged_is_back(self) -> sql.Composed:
        """Whether a row that Merge removed is there again, as it was to the last column."""
        same = sql.SQL("({})::text IS NOT DISTINCT FROM i.whole_row[{}]")
        columns = [same.format(of("t", column), sql.Literal(place)) for place, column in self.table.merged]
        return sql.SQL("EXISTS (SELECT FROM {} AS t WHERE {} AND {})").format(
            self.target, key_join(self.shape), all_of(columns)
        )

    @property
    def merged_values(self) -> Sequence[sql.Composable]:
        """The values of a row that Merge removed, in the types of today."""
        return [_kept_value(place, column) for place, column in self.table.merged]


def _kept_value(place: int, column: Column) -> sql.Composed:
    return sql.SQL("i.whole_row[{}]::{}").format(sql.Literal(place), type_of(column))


def _kept_equals(found: sql.Composable, place: int, column: Column) -> sql.Composed:
    return sql.SQL("{} = {}").format(found, _kept_value(place, column))
