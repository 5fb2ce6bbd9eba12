"""How long the parts of the demo took."""

import time


class Stopwatch:
    """Laps one after the other, in seconds."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._laps: list[tuple[str, float]] = []

    def lap(self, name: str) -> None:
        """End the lap that runs and begin the next."""
        now = time.monotonic()
        self._laps.append((name, now - self._last))
        self._last = now

    @property
    def laps(self) -> list[tuple[str, float]]:
        """The laps so far, and their sum."""
        return [*self._laps, ("in all", self._last - self._began)]
