"""Turns: whatever the mapping and whoever holds which roles, no row ever finds its place taken."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.engine.order import FIRST, WritingOrder, writing_order

ROLES = "abcdefgh"
roles = st.sampled_from(ROLES)
mappings = st.dictionaries(roles, roles, min_size=1)


@pytest.mark.parametrize(
    ("moves", "turns"),
    [
        ({"a": "b"}, {"a": 1}),
        ({"a": "b", "b": "c"}, {"b": 1, "a": 2}),
        ({"b": "c", "a": "b"}, {"b": 1, "a": 2}),
        ({"a": "a", "b": "a"}, {"a": 1, "b": 1}),
        ({"a": "b", "b": "a"}, {"a": 1, "b": 2}),
        ({"a": "b", "b": "c", "c": "a", "x": "a"}, {"a": 1, "c": 2, "x": 2, "b": 3}),
    ],
)
def test_targets_come_before_sources(moves: dict[str, str], turns: dict[str, int]) -> None:
    assert writing_order(moves).turns == turns


@pytest.mark.parametrize(
    ("moves", "parking"),
    [
        ({"a": "b", "b": "c"}, ""),
        ({"a": "a"}, ""),
        ({"a": "b", "b": "a"}, "a"),
        ({"x": "a", "a": "b", "b": "a", "c": "d", "d": "c"}, "ac"),
    ],
)
def test_one_role_of_each_circle_makes_room(moves: dict[str, str], parking: str) -> None:
    assert writing_order(moves).parking == set(parking)


@given(moves=mappings, held=st.sets(roles))
def test_no_row_finds_its_place_taken(moves: dict[str, str], held: set[str]) -> None:
    becoming = {role: moves.get(role, role) for role in held}
    if len(set(becoming.values())) < len(held):
        return  # two of them become one: such rows are merged or refused before anything is written
    assert _written(held, moves, writing_order(moves)) == set(becoming.values())


@given(moves=mappings)
def test_every_role_has_a_turn(moves: dict[str, str]) -> None:
    order = writing_order(moves)
    assert order.turns.keys() == moves.keys()
    assert set(order.turns.values()) == set(range(FIRST, order.last + 1))


def test_a_chain_of_256_roles_is_counted() -> None:
    chain = {f"r{n}": f"r{n + 1}" for n in range(256)}
    assert writing_order(chain).last == 256


def _written(held: set[str], moves: Mapping[str, str], order: WritingOrder) -> set[str]:
    """One user's roles after the write, row by row; a place that is taken is an error, as in the database."""
    places = set(held)
    parked = {role for role in held & order.parking if moves[role] in places}
    places -= parked
    for turn in range(FIRST, order.last + 1):
        for role in sorted(held - parked):
            if role in moves and moves[role] != role and order.turns[role] == turn:
                assert moves[role] not in places, (role, moves[role])
                places.remove(role)
                places.add(moves[role])
    for role in parked:
        assert moves[role] not in places
        places.add(moves[role])
    return places
