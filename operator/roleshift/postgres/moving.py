"""Which rows a run moves and what becomes of them: the parts of statements in which a table's shape shows.

In every part `t` is the target and `m` the mapping as it applies to a row: `to_role` and `seniority`. Where
rows have to wait for each other, `w.turn` is when a row is written.
What is computed here is kept in the image, so that everything after it reads the image alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from roleshift.api.target import ScopeOperator
from roleshift.engine.order import MERGED, PARKED
from roleshift.engine.routes import Route
from roleshift.engine.target import RoleConstraint, ScopeTerm, TargetShape
from roleshift.postgres.statements import (
    all_of,
    any_of,
    comma,
    identifier,
    image_table,
    key_join_after,
    literal,
    of,
    statement,
    target_name,
    text_array,
    type_of,
)

_SCOPE = {
    ScopeOperator.IN: sql.SQL("{column} = ANY({values}::{type}[])"),
    ScopeOperator.NOT_IN: sql.SQL("({column} = ANY({values}::{type}[])) IS NOT TRUE"),
    ScopeOperator.EXISTS: sql.SQL("{column} IS NOT NULL"),
    ScopeOperator.DOES_NOT_EXIST: sql.SQL("{column} IS NULL"),
}


@dataclass(frozen=True, slots=True)
class Moving:
    """The mapping on one table."""

    shape: TargetShape
    routes: tuple[Route, ...]

    @property
    def before(self) -> list[str]:
        """Values that are moved."""
        return [route.before for route in self.routes]

    @property
    def source(self) -> sql.Composed:
        """Rows that may be moved, with what becomes of them: `target AS t … AS m`; `moves` belongs to it."""
        if self.shape.is_array:
            arrays = sql.SQL("{} AS t CROSS JOIN LATERAL {} AS m")
            return arrays.format(target_name(self.shape), self._of_array("t"))
        rows = sql.SQL("{} AS t INNER JOIN {} ON m.from_role = {}").format(
            target_name(self.shape), self.mapping("m"), self.role_text("t")
        )
        if not self.shape.ordered:
            return rows
        return sql.SQL("{} CROSS JOIN LATERAL (SELECT {} AS turn) AS w").format(rows, self._turn)

    def joined_to(self, row: str, mapping: str) -> sql.Composed:
        """LEFT JOIN of what becomes of a row, NULL where it stays."""
        if self.shape.is_array:
            return sql.SQL("LEFT JOIN LATERAL {} AS {} ON {}").format(
                self._of_array(row), identifier(mapping), self.moves(row)
            )
        return sql.SQL("LEFT JOIN {} ON {} = {} AND {}").format(
            self.mapping(mapping), identifier(mapping, "from_role"), self.role_text(row), self.moves(row)
        )

    def after(self, row: str, mapping: str) -> sql.Composed:
        """The role that a row will have, as text; needs `joined_to`."""
        return sql.SQL("coalesce({}, {})").format(identifier(mapping, "to_role"), self.role_text(row))

    def role_text(self, row: str) -> sql.Composed:
        """The role that a row has, as text."""
        return sql.SQL("{}::text").format(of(row, self.shape.role))

    def in_scope(self, row: str) -> sql.Composable:
        """Whether a row counts at all."""
        return all_of([_term(row, term) for term in self.shape.scope])

    def moves(self, row: str) -> sql.Composable:
        """Whether a row whose role the mapping names is really moved."""
        return all_of(self._conditions(row))

    def _conditions(self, row: str) -> list[sql.Composable]:
        conditions: list[sql.Composable] = [_term(row, term) for term in self.shape.scope]
        conditions += [sql.SQL("NOT {}").format(self._moved_in(image, row)) for image in self.shape.earlier]
        if self.shape.is_array:
            overlap = sql.SQL("{}::text[] && {}")
            conditions.append(overlap.format(of(row, self.shape.role), text_array(self.before)))
        return conditions

    @property
    def where(self) -> sql.Composable:
        """`moves` as a clause of its own; nothing where every row whose role is named is moved."""
        conditions = self._conditions("t")
        return sql.SQL(" WHERE {}").format(all_of(conditions)) if conditions else sql.SQL("")

    def moved_earlier(self, row: str) -> sql.Composable:
        """Whether an earlier run moved a row, which still is as that run left it."""
        return any_of([self._moved_in(image, row) for image in self.shape.earlier])

    def _moved_in(self, image: str, row: str) -> sql.Composed:
        return sql.SQL("EXISTS (SELECT FROM {} AS e WHERE {} AND {} = e.to_role::text)").format(
            image_table(image), key_join_after(self.shape, row, "e"), self.role_text(row)
        )

    def mapping(self, alias: str) -> sql.Composed:
        """The mapping as a table; a turn and a rank only where the shape asks for them."""
        names = ["from_role", "to_role", "seniority"]
        names += ["turn"] if self.shape.ordered else []
        names += ["rank"] if self.shape.is_array else []
        return sql.SQL("{} AS {} ({})").format(
            self._values(len(names)),
            identifier(alias),
            sql.SQL(", ".join(names)),
        )

    def _values(self, width: int) -> sql.Composed:
        if not self.routes:
            nulls = [sql.SQL("NULL::text")] * 3 + [sql.SQL("0")] * (width - 3)
            return sql.SQL("(SELECT {} WHERE false)").format(comma(nulls))
        rows = [sql.SQL("({})").format(comma(self._row(route))) for route in self.routes]
        return sql.SQL("(VALUES {})").format(comma(rows))

    def _row(self, route: Route) -> list[sql.Composable]:
        seniority = sql.SQL("NULL") if route.seniority is None else literal(route.seniority)
        texts = [sql.SQL("{}::text").format(text) for text in (literal(route.before), literal(route.after))]
        turn = [sql.Literal(route.turn)] if self.shape.ordered else []
        rank = [sql.Literal(route.rank)] if self.shape.is_array else []
        return [*texts, sql.SQL("{}::text").format(seniority), *turn, *rank]

    def _of_array(self, row: str) -> sql.Composed:
        """What becomes of an array: element by element, each new role once, in the first one's place."""
        return statement("parts/array_mapped").format(
            array=of(row, self.shape.role), mapping=self.mapping("r")
        )

    @property
    def _turn(self) -> sql.Composed:
        """When a row is written, see `engine.order`."""
        cases = []
        if self.shape.merges:
            cases.append(sql.SQL("WHEN {} THEN {}").format(self._merged, sql.Literal(MERGED)))
        if self.shape.constraints and any(route.parks for route in self.routes):
            cases.append(sql.SQL("WHEN {} THEN {}").format(self._parked, sql.Literal(PARKED)))
        if not cases:
            return sql.SQL("m.turn::smallint").format()
        return sql.SQL("(CASE {} ELSE m.turn END)::smallint").format(sql.SQL(" ").join(cases))

    @property
    def _merged(self) -> sql.Composed:
        """Whether another row takes a row's place: one that is there already, else one with a smaller key."""
        smaller = sql.SQL("ROW({}) < ROW({})").format(self._key("o"), self._key("t"))
        better = [
            statement("parts/row_better").format(
                target=target_name(self.shape),
                mapped=self.joined_to("o", "om"),
                same=_same(constraint, "o", "t"),
                after=self.after("o", "om"),
                role=self.role_text("o"),
                smaller=smaller,
            )
            for constraint in self.shape.constraints
        ]
        exists = any_of([sql.SQL("EXISTS ({})").format(one) for one in better])
        return sql.SQL("({} <> m.to_role AND {})").format(self.role_text("t"), exists)

    @property
    def _parked(self) -> sql.Composed:
        """Whether a row of a cycle finds its place taken by one that will leave it."""
        taken = [
            sql.SQL("EXISTS (SELECT FROM {} AS o WHERE {} AND {} = m.to_role)").format(
                target_name(self.shape), _same(constraint, "o", "t"), self.role_text("o")
            )
            for constraint in self.shape.constraints
        ]
        parking = text_array(route.before for route in self.routes if route.parks)
        return sql.SQL("{} = ANY({}) AND {}").format(self.role_text("t"), parking, any_of(taken))

    @property
    def whole(self) -> sql.Composed:
        """Every column of a row as text, where the row will be removed; else NULL."""
        values = comma([sql.SQL("{}::text").format(of("t", column)) for column in self.shape.whole])
        return sql.SQL("CASE WHEN w.turn < 0 THEN ARRAY[{}]::text[] END").format(values)

    def _key(self, row: str) -> sql.Composed:
        return comma([of(row, column) for column in self.shape.key])


def same_place(shape: TargetShape, one: str, other: str) -> sql.Composable:
    """Whether two rows are equal under a unique constraint, the role aside."""
    return any_of([_same(constraint, one, other) for constraint in shape.constraints])


def _same(constraint: RoleConstraint, one: str, other: str) -> sql.Composable:
    equal = sql.SQL("{} = {}" if constraint.nulls_distinct else "{} IS NOT DISTINCT FROM {}")
    return sql.SQL("({})").format(
        all_of([equal.format(identifier(one, c), identifier(other, c)) for c in constraint.others])
    )


def _term(row: str, term: ScopeTerm) -> sql.Composed:
    return _SCOPE[term.operator].format(
        column=of(row, term.column), values=text_array(term.values), type=type_of(term.column)
    )


def to_role(shape: TargetShape) -> sql.Composed:
    """The new role in the column's type."""
    return sql.SQL("m.to_role::{}").format(type_of(shape.role))


def to_seniority(shape: TargetShape) -> sql.Composable:
    """The new seniority in the column's type; the old one where the mapping gives none."""
    assert shape.seniority is not None
    return sql.SQL("coalesce(m.seniority::{}, {})").format(type_of(shape.seniority), of("t", shape.seniority))


def columns_of(parts: Sequence[tuple[str, sql.Composable]]) -> sql.Composed:
    """Named columns of a SELECT."""
    return comma([sql.SQL("{} AS {}").format(value, identifier(name)) for name, value in parts])
