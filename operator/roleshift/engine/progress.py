"""Rows done, rate, remaining time and the bar that `kubectl get` shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

BAR_CELLS = 10
LONGEST_ESTIMATE_SECONDS = 365 * 24 * 3600
"""A rate that promises a longer wait was measured over nothing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a write is.

    Attributes:
        rows_total: rows that will change.
        rows_processed: rows changed so far, never above the total.
        started: when the first row was written.
        sampled: when `rows_processed` was read.
    """

    rows_total: int
    rows_processed: int
    started: datetime
    sampled: datetime

    @property
    def percent(self) -> int:
        """Whole percent, rounded down, so that 100 means all rows."""
        return 100 if self.rows_total == 0 else 100 * self.rows_processed // self.rows_total

    @property
    def rows_per_second(self) -> int:
        """Mean rate since the start, in rows per second."""
        elapsed = (self.sampled - self.started).total_seconds()
        return int(self.rows_processed / elapsed) if elapsed > 0 else 0

    @property
    def estimated_completion(self) -> datetime | None:
        """When the last row will be written at the mean rate; None while no rate says it."""
        rate = self.rows_per_second
        if rate == 0:
            return None
        remaining = (self.rows_total - self.rows_processed) / rate
        return None if remaining > LONGEST_ESTIMATE_SECONDS else self.sampled + timedelta(seconds=remaining)

    @property
    def bar(self) -> str:
        """For instance `[######----] 61%`."""
        filled = BAR_CELLS * self.percent // 100
        return f"[{'#' * filled}{'-' * (BAR_CELLS - filled)}] {self.percent}%"
