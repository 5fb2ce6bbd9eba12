"""The judge of the shapes, on cases that can be checked by eye."""

from collections import Counter
from typing import Any

from support.foreseen import WRITTEN, Role, Route, Row, Rules, foresee

MERGING = {"a": Route("c"), "b": Route("c", "senior"), "c": Route("d")}
ORDER = ("c", "d", "e")


def of_users(*held: tuple[int | None, str]) -> dict[Any, Row]:
    """Rows 1, 2, … of users with a role each."""
    return {n: Row(role, rest={"id": n, "user": user}) for n, (user, role) in enumerate(held, start=1)}


def roles_after(rows: dict[Any, Row], **rules: Any) -> dict[Any, Role]:
    return {name: row.role for name, row in foresee(rows, Rules(MERGING, ORDER, **rules)).rows.items()}


def array_after(*elements: str | None, **routes: Route) -> Row:
    found = foresee({1: Row(elements, seniority="old")}, Rules(routes, ORDER))
    return found.rows[1]


def test_each_row_is_mapped_once() -> None:
    rows = of_users((1, "a"), (2, "b"), (3, "c"), (4, "d"))
    found = foresee(rows, Rules(MERGING))
    assert found.rows[1] == Row("c", "a", None, WRITTEN, rows[1].rest)
    assert found.rows[2] == Row("c", "b", "senior", WRITTEN, rows[2].rest)
    assert found.rows[3] == Row("d", "c", None, WRITTEN, rows[3].rest)
    assert found.rows[4] is rows[4]
    assert sorted(map(str, found.written)) == ["1", "2", "3"]
    assert not found.removed
    assert found.matrix == Counter([("a", "c", None), ("b", "c", "senior"), ("c", "d", None)])


def test_rows_outside_the_scope_stay() -> None:
    rows = of_users((1, "a"), (2, "a"))
    assert roles_after(rows, in_scope=lambda row: row.rest["user"] == 2) == {1: "a", 2: "c"}


def test_of_two_that_become_one_the_first_by_key_stays() -> None:
    assert roles_after(of_users((1, "b"), (1, "a"), (2, "a")), user="user") == {1: "c", 3: "c"}


def test_the_row_that_is_as_it_should_be_stays_before_an_older_one() -> None:
    assert roles_after(of_users((1, "c"), (1, "d")), user="user") == {2: "d"}


def test_a_row_that_moves_on_makes_room() -> None:
    assert roles_after(of_users((1, "a"), (1, "c")), user="user") == {1: "c", 2: "d"}


def test_rows_of_nobody_are_never_one() -> None:
    assert roles_after(of_users((None, "a"), (None, "b")), user="user") == {1: "c", 2: "c"}


def test_elements_keep_the_first_place_and_are_there_once() -> None:
    row = array_after("x", "a", None, "b", "c", a=Route("c"), b=Route("x"))
    assert (row.role, row.previous_role, row.seniority) == (
        ("x", "c", None),
        ("x", "a", None, "b", "c"),
        "old",
    )


def test_the_strongest_new_role_gives_the_seniority() -> None:
    assert array_after("a", "b", a=Route("d", "lead"), b=Route("c", "junior")).seniority == "lead"
    assert array_after("a", "b", a=Route("c", "junior"), b=Route("d", "lead")).seniority == "lead"
    assert array_after("a", "b", a=Route("c", "junior"), b=Route("e")).seniority == "junior"


def test_of_equally_strong_ones_the_first_mapping_gives_it() -> None:
    routes = {"a": Route("c", "junior"), "b": Route("c", "senior")}
    assert array_after("b", "a", **routes).seniority == "junior"
    assert array_after("a", "b", **routes).seniority == "junior"
