"""What becomes of each value of the role column, as the table stores it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from roleshift.engine.mapping import RoleMapping
from roleshift.engine.order import writing_order
from roleshift.engine.target import TargetShape


@dataclass(frozen=True, slots=True)
class Route:
    """One value before, and what it becomes.

    Attributes:
        before, after: as text; keys of the lookup table where there is one.
        seniority: None leaves the column alone.
        rank: of two seniorities for one row, that of the lower rank is given; from 0.
        turn: when such rows are written, see `engine.order`.
        parks: rows of it are parked where their place is taken.
    """

    before: str
    after: str
    seniority: str | None
    rank: int
    turn: int
    parks: bool


def routes_of(
    mappings: Sequence[RoleMapping], strength: Sequence[str], shape: TargetShape
) -> tuple[Route, ...]:
    """The mapping as a run applies it.

    Args:
        strength: spec.privileges.order, weakest first.
    """
    known = [m for m in mappings if not shape.stored or {m.from_role, m.to_role} <= shape.stored.keys()]
    order = writing_order({m.from_role: m.to_role for m in known})
    ranked = sorted(known, key=lambda m: -strength.index(m.to_role) if m.to_role in strength else 1)
    return tuple(
        Route(
            before=shape.stored.get(m.from_role, m.from_role),
            after=shape.stored.get(m.to_role, m.to_role),
            seniority=m.seniority,
            rank=ranked.index(m),
            turn=order.turns[m.from_role],
            parks=m.from_role in order.parking,
        )
        for m in known
    )
