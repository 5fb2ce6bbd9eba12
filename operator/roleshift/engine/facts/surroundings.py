"""What a look needs from outside the database."""

from dataclasses import dataclass
from datetime import datetime

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.resources import PodFacts


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known outside the database when a look is taken.

    Attributes:
        now: the time of the look; waivers expire by it.
        pods: the database's pods; None where the manifest names none.
    """

    now: datetime
    pods: PodFacts | ProbeFailure | None = None
