"""How long to pause before looking again, and which waits have no end."""

from roleshift.errors import Reason


def pause_before_retry(attempt: int, base_seconds: float, maximum_seconds: float) -> float:
    """Seconds before attempt number `attempt + 1`: doubled each time, up to the maximum."""
    return float(min(maximum_seconds, base_seconds * 2 ** min(attempt, 30)))


FIRST_WAIT_SECONDS = 1.0
WAIT_LIMIT_SECONDS = 24 * 3600.0
"""A wait before the first write that nobody chose ends as Failed after this long."""

WITHOUT_END = frozenset({Reason.WAITING_FOR_APPROVAL, Reason.AWAITING_DECISION})
"""Waits for a person: they never end a run, and the ledger knows of them."""


def pause_while_waiting(looks: int, maximum_seconds: float) -> float:
    """Seconds before the next look at something that has to heal: 1, 2, 4 … up to the maximum."""
    return pause_before_retry(looks, FIRST_WAIT_SECONDS, maximum_seconds)
