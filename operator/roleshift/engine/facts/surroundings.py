"""What a look needs from outside the database."""

from dataclasses import dataclass
from datetime import datetime

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.resources import PodFacts


@dataclass(frozen=True, slots=True)
class ArchiveTried:
    """An object was put into the store, read and removed again.

    Attributes:
        url: where.
    """

    url: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known outside the database when a look is taken.

    Attributes:
        now: the time of the look; waivers expire by it.
        archive: whether the archive's store can be used; None where none is wanted, or where only the
            operator can get in.
        pods: the database's pods; None where the manifest names none.
    """

    now: datetime
    pods: PodFacts | ProbeFailure | None = None
    archive: ArchiveTried | ProbeFailure | None = None
