"""Which roles nobody holds any more once a mapping was applied."""

import pytest

from roleshift.engine.mapping import vanishing_roles
from support.run_phases import spec_of


@pytest.mark.parametrize(
    ("routes", "vanishing"),
    [
        ([("a", "b")], ("a",)),
        ([("a", "b"), ("c", "b")], ("a", "c")),
        ([("a", "b"), ("b", "c")], ("a",)),
        ([("a", "b"), ("b", "a")], ()),
        ([("a", "a"), ("b", "c")], ("b",)),
    ],
    ids=["one", "two become one", "a chain", "a swap", "an identity"],
)
def test_a_role_goes_away_when_no_mapping_gives_it_back(
    routes: list[tuple[str, str]], vanishing: tuple[str, ...]
) -> None:
    mappings = [{"from": one, "to": other, "seniority": "x"} for one, other in routes]
    assert vanishing_roles(spec_of(mappings=mappings).mappings) == vanishing
