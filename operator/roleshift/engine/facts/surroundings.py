"""What a look needs from outside the database."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known outside the database when a look is taken.

    Attributes:
        now: the time of the look; waivers expire by it.
    """

    now: datetime
