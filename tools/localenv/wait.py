"""Waiting for a condition with a deadline: what tests do instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class DeadlineExceededError(AssertionError):
    """The condition did not become true in time."""


def wait_until(
    condition: Callable[[], T], deadline_seconds: float, what: str, interval_seconds: float = 0.05
) -> T:
    """Ask `condition` again and again and return its first true value.

    Args:
        condition: asked at once and then every `interval_seconds`; what it raises is not caught.
        deadline_seconds: how long to go on asking.
        what: the condition in words, for the error: "the API server is ready".
        interval_seconds: the pause between two questions.

    Raises:
        DeadlineExceededError: names `what` and the last value seen.
    """
    end = time.monotonic() + deadline_seconds
    while not (value := condition()):
        if time.monotonic() >= end:
            raise DeadlineExceededError(f"not within {deadline_seconds:g} s: {what}; last seen: {value!r}")
        time.sleep(interval_seconds)
    return value
