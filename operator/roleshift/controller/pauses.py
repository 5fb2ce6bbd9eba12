"""Pauses that grow, for whatever is tried again."""

from collections.abc import Iterator


def growing(first: float, most: float) -> Iterator[float]:
    """Seconds to wait before each further attempt: doubled each time, never above `most`, without end."""
    pause = first
    while True:
        yield pause
        pause = min(2 * pause, most)
