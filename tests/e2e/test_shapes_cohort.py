"""A canary cohort first, everybody later: what the first run migrated is no business of the second."""

import pytest

from localenv.database import Database
from support.foreseen import Row, all_rows
from support.journeys import Begin, Journey
from support.sample_shapes import (
    ARRAY,
    CHAIN,
    CYCLE,
    KNOT,
    LOOKUP,
    MERGE,
    ORDER,
    ROLE_IN_KEY,
    SCOPE,
    SWAP,
    USER_ROLES,
)
from support.shapes import Shape

IDENTITIES = (
    {"from": "user", "to": "user", "seniority": "junior"},
    {"from": "member", "to": "user", "seniority": "trainee"},
    {"from": "owner", "to": "owner", "seniority": "lead"},
)


def canary_column(shape: Shape, number: str) -> Shape:
    """A shape with a column `canary`: 1 for every third user, 2 for the next ones, NULL for the others."""
    column = (
        f"ALTER TABLE {shape.table} ADD canary int;"
        f"UPDATE {shape.table} SET canary = nullif({number} % 3, 0) WHERE {number} IS NOT NULL"
    )
    return shape.but(sql=f"{shape.sql};{column}")


def canaries(shape: Shape, *wanted: str) -> Shape:
    """The same run, about some users only."""
    expression = {"column": "canary", "operator": "In", "values": list(wanted)}
    return shape.but(
        target={**shape.target, "scope": {"matchExpressions": [expression]}},
        in_scope=lambda row: str(row.rest["canary"]) in wanted,
    )


def without(first: Journey, shape: Shape) -> Shape:
    """The same run, which has to leave alone what the first one touched."""

    def in_scope(row: Row) -> bool:
        return row.rest[shape.row] not in first.touched and shape.in_scope(row)

    return shape.but(in_scope=in_scope)


SHAPES = {
    "roles that become one": canary_column(SCOPE, "id"),
    "a chain": canary_column(SCOPE.but(mappings=CHAIN), "id"),
    "roles that change places": canary_column(SCOPE.but(mappings=SWAP), "id"),
    "a cycle": canary_column(SCOPE.but(mappings=CYCLE), "id"),
    "roles that stay and get a seniority": canary_column(SCOPE.but(mappings=IDENTITIES, order=ORDER), "id"),
    "a lookup table, in a chain": canary_column(LOOKUP.but(mappings=CHAIN), "id"),
    "an array, in a chain": canary_column(ARRAY.but(mappings=CHAIN), "id"),
    "several roles of a user, in a knot": canary_column(USER_ROLES.but(mappings=KNOT), "user_id"),
    "a role in the key, in a chain": canary_column(ROLE_IN_KEY, "user_id"),
    "a role in the key, in a cycle": canary_column(ROLE_IN_KEY.but(mappings=CYCLE), "user_id"),
    "roles of one user that become one": canary_column(MERGE, "user_id"),
}
SHAPES = {
    name: shape.but(target={**shape.target, "scope": None}, in_scope=all_rows)
    for name, shape in SHAPES.items()
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_everybody_follows_a_cohort_and_each_comes_back(begin: Begin, shape: Shape) -> None:
    first = begin(canaries(shape, "1"), "canary")
    first.forward()
    everybody = begin(without(first, shape), "everybody")
    everybody.forward()
    everybody.back()
    first.back_after(everybody)


class TestCohort:
    SHAPE = SHAPES["a chain"]

    @pytest.mark.parametrize("wanted", [("2",), ("1", "2")], ids=["another scope", "a wider scope"])
    def test_a_second_cohort_leaves_the_first_alone(self, begin: Begin, wanted: tuple[str, ...]) -> None:
        first = begin(canaries(self.SHAPE, "1"), "canary")
        first.forward()
        second = begin(without(first, canaries(self.SHAPE, *wanted)), "more-canaries")
        second.forward()
        second.back()
        first.back_after(second)

    def test_the_same_cohort_again_has_nothing_left_to_do(self, begin: Begin) -> None:
        first = begin(canaries(self.SHAPE, "1"), "canary")
        first.forward()
        again = begin(without(first, first.shape), "again")
        status = again.forward()
        assert (status["plan"]["rows"], status["plan"].get("matrix", [])) == (0, [])

    def test_what_came_back_is_migrated_by_the_next(self, begin: Begin) -> None:
        first = begin(canaries(self.SHAPE, "1"), "canary")
        first.there_and_back()
        begin(self.SHAPE, "everybody").there_and_back()

    def test_a_user_who_joins_the_cohort_later_is_migrated(self, begin: Begin, database: Database) -> None:
        first = begin(canaries(self.SHAPE, "1"), "canary")
        first.forward()
        database.execute("INSERT INTO users (id, role, canary) VALUES (101, 'member', 1), (102, 'editor', 1)")
        later = begin(without(first, first.shape), "later")
        later.forward()
        assert {later.shape.read(database).rows[name].role for name in (101, 102)} == {"editor", "owner"}
        later.back()

    def test_other_mappings_take_up_what_the_first_gave(self, begin: Begin) -> None:
        """The rows of a finished run are left alone by the same migration, not by another one."""
        first = begin(canaries(self.SHAPE, "1"), "canary")
        first.forward()
        onward = self.SHAPE.but(mappings=[{"from": "owner", "to": "guest"}])
        begin(onward, "onward").there_and_back()


def test_a_role_that_only_the_cohort_holds_needs_no_mapping(begin: Begin) -> None:
    """With unmappedRoles Fail, the new roles of a cohort must not count as unmapped."""
    everything_mapped = (
        "; UPDATE users SET role = 'owner' WHERE role IS NULL OR role IN ('guest', 'admin', 'user')"
    )
    shape = SHAPES["a chain"]
    shape = shape.but(sql=shape.sql + everything_mapped, spec={})
    first = begin(canaries(shape, "1"), "canary")
    first.forward()
    begin(without(first, shape), "everybody").there_and_back()
