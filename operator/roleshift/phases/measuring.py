"""Measures what the transaction of a step takes, so that the estimate can be held against it.

What `taken` says goes into the ledger with the step itself. What `committed` adds is more exact and may be
lost in a crash: with the COMMIT, and with this session's WAL alone where the server can tell it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from roleshift.api import Phase, WALOf
from roleshift.engine.cost import Taken
from roleshift.engine.run import LogOutcome
from roleshift.phases.context import Context
from roleshift.postgres import ledger, meter
from roleshift.postgres.meter import OwnWAL, Reading


class Meter:
    """One for each transaction: `before` it, `begin` inside, `taken` before its end, `committed` after it."""

    def __init__(self, context: Context, step: Phase, own: OwnWAL | None) -> None:
        self._context = context
        self._step = step
        self._own = own
        self._began: Reading | None = None
        self._work_seconds: float | None = None
        self._taken: Taken | None = None

    @classmethod
    async def before(cls, context: Context, step: Phase) -> "Meter":
        """A meter for a transaction that has not begun yet."""
        return cls(context, step, await meter.own_wal(context.work))

    async def begin(self) -> None:
        """From here on it is measured: the lock is held, or the image is begun."""
        self._began = await meter.read(self._context.work)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The part of it that is the work itself; without it all of it is."""
        started = await meter.read(self._context.work)
        yield
        self._work_seconds = (await meter.read(self._context.work)).seconds_since(started)

    async def taken(self) -> Taken:
        """What it took so far, for the ledger's line about the step."""
        began, now = self._beginning, await meter.read(self._context.work)
        seconds = now.seconds_since(began)
        self._taken = Taken(
            work_seconds=seconds if self._work_seconds is None else self._work_seconds,
            lock_seconds=seconds if self._step is Phase.MIGRATING else None,
            wal_bytes=now.wal_bytes - began.wal_bytes,
            wal_of=WALOf.SERVER,
        )
        return self._taken

    async def committed(self) -> None:
        """Note what is known once the transaction has ended; a step without `taken` has nothing to note.

        Raises:
            FencedError: another session took the run over.
        """
        if self._taken is None:
            return
        ended = await meter.read(self._context.work)
        own = meter.written_between(self._own, await meter.own_wal(self._context.work))
        exact = self._taken
        if exact.lock_seconds is not None:
            exact = replace(exact, lock_seconds=ended.seconds_since(self._beginning))
        if own is not None:
            exact = replace(exact, wal_bytes=own, wal_of=WALOf.BACKEND)
        line = ledger.LogLine(
            self._step,
            LogOutcome.MEASURED,
            started_at=self._beginning.at,
            message="what it took, seen after its COMMIT",
            taken=exact,
        )
        await ledger.append(self._context.control, self._context.run, line)

    @property
    def _beginning(self) -> Reading:
        if self._began is None:
            raise AssertionError("begin comes first")
        return self._began
