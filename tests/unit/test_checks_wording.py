"""How messages write names and figures."""

import pytest

from roleshift.checks.wording import as_sql, counted, named


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("public.user_profiles", "public.user_profiles"),
        ("public.User", 'public."User"'),
        ("my app.users", '"my app".users'),
        ('public.a"b.c', 'public."a""b.c"'),
        ("users", "users"),
    ],
)
def test_a_name_can_be_copied_into_a_statement(name: str, written: str) -> None:
    assert as_sql(name) == written


def test_one_thing_is_not_spoken_of_as_many() -> None:
    assert [counted(number, "row", "rows") for number in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]


def test_at_most_five_are_named() -> None:
    assert named(["a", "b", "c", "d", "e", "f", "g"]) == "a, b, c, d, e, and 2 more"
