"""In which order roles are written where a unique constraint holds the role. Pure.

A row can only take a place that is free: what leaves a role goes before what arrives in it.
In a cycle nobody could begin, so the rows of one of its roles make room first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MERGED = -1
"""The turn of a row that Merge removes."""
PARKED = 0
"""The turn of a row that is taken out before all others and put back after them."""
FIRST = 1


@dataclass(frozen=True, slots=True)
class WritingOrder:
    """When the rows of each role are written.

    Attributes:
        turns: role before → its turn, from FIRST on; rows of one turn never wait for each other.
        parking: roles, one of each cycle, whose rows are parked where their place is taken.
    """

    turns: Mapping[str, int]
    parking: frozenset[str]

    @property
    def last(self) -> int:
        """The last turn."""
        return max(self.turns.values(), default=FIRST)


def writing_order(moves: Mapping[str, str]) -> WritingOrder:
    """Targets before sources.

    Args:
        moves: role before → role after.
    """
    moving = {old: new for old, new in moves.items() if old != new}
    parking = frozenset(_one_of_each_cycle(moving))
    turns = {old: FIRST for old in moves if old not in moving or old in parking}
    for old in moving:
        _count_turns(old, moving, turns)
    return WritingOrder(turns, parking)


def _one_of_each_cycle(moving: Mapping[str, str]) -> Iterator[str]:
    seen: set[str] = set()
    for start in moving:
        path: dict[str, None] = {}
        role = start
        while role in moving and role not in seen and role not in path:
            path[role] = None
            role = moving[role]
        if role in path:
            yield role
        seen |= path.keys()


def _count_turns(old: str, moving: Mapping[str, str], turns: dict[str, int]) -> None:
    """Follow the chain to a role whose turn is known, and count back from there."""
    path = []
    role = old
    while role in moving and role not in turns:
        path.append(role)
        role = moving[role]
    turn = turns.get(role, 0) if role in moving else 0
    for waiting in reversed(path):
        turn += 1
        turns[waiting] = turn
