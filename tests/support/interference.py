"""What a rollback has to leave behind when others were at work since: no row of theirs is ever lost.

Exact where a row has one way to go. Where the kept row of a merge is not what the run left, its removed rows
may come back or not; a row that others gave its old key again may be reported or not.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from support.foreseen import Foreseen, Row, Rows, Rules


@dataclass(frozen=True)
class Story:
    """The table's rows: before the run, after it, when the rollback began, and when it had ended.

    Attributes:
        overwrites: rows that others changed go back too.
    """

    rules: Rules
    foreseen: Foreseen
    before: Rows
    after: Rows
    then: Rows
    end: Rows
    overwrites: bool = False

    def assert_nothing_lost(self, restored: int, conflicts: int) -> None:
        """Each row is restored, or reported, or left; and the figures say so.

        Args:
            restored, conflicts: what the rollback reported.
        """
        movers = self._movers()
        assert self.end.keys() <= self.then.keys() | self.foreseen.removed
        for name, row in self.then.items():
            assert name in self.end, f"lost: {name} {row}"
            assert self.end[name].rest == row.rest, (name, row, self.end[name])
            self._assert_as_allowed(name, row, movers)
        for name in self.foreseen.removed - self.then.keys():
            assert self.end.get(name) in (None, self.before[name]), (name, self.end[name])
        must, may = self._unrestored_removed()
        assert not must & self.end.keys()
        came_back = self.foreseen.removed - self.then.keys() - must - may
        assert came_back <= self.end.keys(), f"not inserted again: {came_back - self.end.keys()}"
        changed = {n for n, row in self.end.items() if n not in self.then or row != self.then[n]}
        assert restored == len(changed), (restored, changed)
        least = len(self._changed_by_others() | self._blocked(movers)) + len(must)
        most = least + len(may) + len(self._back_at_old_key())
        assert least <= conflicts <= most, (least, conflicts, most)

    def _assert_as_allowed(self, name: Hashable, row: Row, movers: dict[Hashable, Hashable]) -> None:
        found = self.end[name]
        if name in movers:
            assert found == replace(self.before[movers[name]], rest=row.rest), (name, row, found)
        elif self._image_of(row) is not None or self._is_nobodys_business(name, row):
            assert found == row, (name, row, found)
        else:
            born = replace(row, role=found.role)
            assert found in (row, born), (name, row, found)
            assert found == row or self.rules.written(found).role == row.role, (name, row, found)

    def _is_nobodys_business(self, name: Hashable, row: Row) -> bool:
        return not self.rules.in_scope(row) or (
            name not in self.foreseen.written and self.before.get(name) == row
        )

    # Which row of the image a row is taken for

    def _key(self, row: Row) -> tuple[Any, ...]:
        return self.rules.age(row)

    def _image_of(self, row: Row) -> Hashable | None:
        """The written row whose new key that is."""
        written = {self._key(self.after[name]): name for name in self.foreseen.written}
        return written.get(self._key(row))

    def _may_move(self) -> dict[Hashable, Hashable]:
        """Rows that go back where nothing is in the way, with the row of the image that each comes from.

        As the run left them; where others' changes are overwritten, all that are not back already.
        """
        found = {}
        for name, row in self.then.items():
            original = self._image_of(row)
            if original is None:
                continue
            as_left = row.run_values == self.after[original].run_values
            if as_left or (self.overwrites and not self._is_back(row)):
                found[name] = original
        return found

    def _changed_by_others(self) -> set[Hashable]:
        """Rows of the image that hold neither what the run wrote nor what stood there before."""
        found = set()
        for name, row in self.then.items():
            original = self._image_of(row)
            if original is not None:
                known = (self.after[original].run_values, self.before[original].run_values)
                if row.run_values not in known and not self._is_back(row):
                    found.add(name)
        return found

    def _is_back(self, row: Row) -> bool:
        """Whether a row stands under the old key of one of the image, with its old values."""
        known = self.foreseen.written | self.foreseen.removed
        old = {self._key(self.before[name]): name for name in known}
        original = old.get(self._key(row))
        return original is not None and row.run_values == self.before[original].run_values

    def _back_at_old_key(self) -> set[Hashable]:
        """Rows whose key holds the role, which others gave their old key again, with other values."""
        old = {self._key(self.before[name]): name for name in self.foreseen.written}
        return {
            name
            for name, row in self.then.items()
            if self._image_of(row) is None
            and (original := old.get(self._key(row))) is not None
            and row.run_values != self.before[original].run_values
        }

    # What stands in the way

    def _movers(self) -> dict[Hashable, Hashable]:
        """The most rows that can go back together: none of them to where a row stands that does not move."""
        movers = self._may_move()
        while blocked := {n for n, original in movers.items() if self._is_taken(original, n, movers)}:
            movers = {name: original for name, original in movers.items() if name not in blocked}
        return movers

    def _blocked(self, movers: dict[Hashable, Hashable]) -> set[Hashable]:
        return self._may_move().keys() - movers.keys()

    def _is_taken(self, original: Hashable, own: Hashable | None, movers: Iterable[Hashable]) -> bool:
        """Whether the user's old role is held by a row that stays."""
        if not self.rules.user:
            return False
        before = self.before[original]
        user = before.rest[self.rules.user]
        staying = (row for name, row in self.then.items() if name != own and name not in movers)
        return user is not None and any(
            row.rest[self.rules.user] == user and row.role == before.role for row in staying
        )

    # Rows that Merge removed

    def _unrestored_removed(self) -> tuple[set[Hashable], set[Hashable]]:
        """Removed rows that can't come back, and those that may stay away because of what others did."""
        movers = self._movers()
        absent = self.foreseen.removed - self.then.keys()
        must = {name for name in absent if self._is_taken(name, None, movers)}
        may = {name for name in absent if not self._kept_row_is_as_left(name)}
        return must - may, may

    def _kept_row_is_as_left(self, removed: Hashable) -> bool:
        row = self.before[removed]
        role = self.rules.written(row).role
        user = row.rest[self.rules.user]
        kept = next(
            n for n, one in self.after.items() if one.rest[self.rules.user] == user and one.role == role
        )
        return kept in self.then and self.then[kept].run_values == self.after[kept].run_values
