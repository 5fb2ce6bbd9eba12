"""How often and for how long a run has looked at something that only the world outside can change."""

import time

from roleshift.engine.waiting import pause_while_waiting


class Patience:
    """Counts looks, and seconds since the first of them."""

    def __init__(self) -> None:
        self.looks = 0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the wait began, 0 while nothing is waited for."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def end(self) -> None:
        """Nothing is waited for any more."""
        self.looks, self._since = 0, None

    def look_again(self) -> None:
        """It is still not there."""
        self.looks += 1
        if self._since is None:
            self._since = time.monotonic()

    def pause(self, maximum_seconds: float) -> float:
        """Seconds until the next look, after `look_again`."""
        return pause_while_waiting(self.looks - 1, maximum_seconds)
