"""A token bucket: how many writes may leave in a second, over all objects together."""

import asyncio


class TokenBucket:
    """Lets `burst` callers through at once and `rate` of them in each second after, first come first served.

    The generic cell rate algorithm: one number says when the bucket will be full again.
    """

    def __init__(self, *, rate: float, burst: int) -> None:
        """Takes tokens per second, and how many an idle bucket holds."""
        self._step = 1 / rate
        self._slack = self._step * (burst - 1)
        self._full_at = 0.0

    async def take(self) -> None:
        """Waits until it is this caller's turn."""
        now = asyncio.get_running_loop().time()
        turn = max(self._full_at, now)
        self._full_at = turn + self._step
        await asyncio.sleep(max(0.0, turn - self._slack - now))
