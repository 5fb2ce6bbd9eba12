"""One measured quantity with all its samples."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Size(StrEnum):
    """How much is measured: small ends in two minutes."""

    SMALL = "small"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Measurement:
    """Samples of one quantity.

    Attributes:
        unit: of every sample: s, ratio, MiB, requests.
    """

    what: str
    unit: str
    values: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """For the file of results."""
        return {"what": self.what, "unit": self.unit, "values": list(self.values)}
