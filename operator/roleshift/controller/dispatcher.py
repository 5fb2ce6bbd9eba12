"""Hands objects over from kopf's thread to the engine's loop and keeps one worker for each.

It starts workers, starts them again when they end or fail, and stops them all
when the Lease is lost. What a worker does, and what it waits for, is its own.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from roleshift.controller.inventory import EventKind, WatchEvent
from roleshift.controller.mailbox import MOST_OVERTAKEN, Mailbox
from roleshift.controller.pauses import growing
from roleshift.engine.identity import ObjectKey
from roleshift.engine.requests import put_back_by_tools

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
STOP_SECONDS = 10.0

Worker = Callable[[ObjectKey, Mailbox], Coroutine[Any, Any, float | None]]

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Seat:
    """The place of one name: its mailbox, who works on it, and what takes its place when that ends."""

    mailbox: Mailbox
    task: asyncio.Task[float | None] | None = None
    successor: Mailbox | None = None
    alarm: asyncio.TimerHandle | None = None

    def sleep(self) -> None:
        """Let no alarm go off."""
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None


class Dispatcher:
    """One worker for each object that exists. Only `put` and `depth` are for other threads."""

    def __init__(
        self,
        worker: Worker,
        *,
        loop: asyncio.AbstractEventLoop,
        slots: int = 10,
        on_failure: Callable[[ObjectKey, Exception], None] | None = None,
        on_forgotten: Callable[[ObjectKey], None] | None = None,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """Takes what works on one object.

        Args:
            worker: a coroutine function; it may end whenever it has nothing to wait for, and says after how
                many seconds it wants to be started although nothing was said, or None.
            loop: the engine's loop, in which workers run.
            slots: how many workers may work at the same time, see `Mailbox.slots`.
            on_failure: called with each exception that a worker let out.
            on_forgotten: called when an object is gone and its worker has ended.
            first_pause: seconds before a failed worker is started again; doubled each time.
        """
        self._worker = worker
        self._loop = loop
        self._slots = asyncio.Semaphore(slots)
        self._on_failure = on_failure
        self._on_forgotten = on_forgotten
        self._first_pause = first_pause
        self._lock = threading.Lock()
        self._arrived: dict[ObjectKey, list[WatchEvent]] = {}
        self._seats: dict[ObjectKey, _Seat] = {}
        self._working = False

    def put(self, event: WatchEvent) -> None:
        """Takes an event from any thread; a newer one of an object replaces one that asks for the same."""
        with self._lock:
            first = not self._arrived
            self._arrived[event.key] = _with(self._arrived.get(event.key, []), event)
        if first:
            self._loop.call_soon_threadsafe(self._hand_over)

    def depth(self) -> int:
        """How many objects have a change that no worker has looked at."""
        return len(self._arrived) + sum(seat.mailbox.unread for seat in tuple(self._seats.values()))

    async def start_all(self) -> None:
        """Starts a worker for every object: this process leads now."""
        self._working = True
        for seat in self._seats.values():
            seat.mailbox.remind()
            self._start(seat)

    async def stop_all(self, timeout: float = STOP_SECONDS) -> None:  # noqa: ASYNC109 - what is late is logged
        """Cancels all workers and waits for their end: this process leads no more."""
        self._working = False
        for seat in self._seats.values():
            seat.sleep()
        tasks = {seat.task for seat in self._seats.values() if seat.task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout)
            for task in late:
                _log.error("worker does not stop", worker=task.get_name())

    def _hand_over(self) -> None:
        with self._lock:
            arrived, self._arrived = self._arrived, {}
        for key, events in arrived.items():
            for event in events:
                if event.kind is EventKind.DELETED:
                    self._deleted(key)
                else:
                    self._changed(key, event)

    def _changed(self, key: ObjectKey, event: WatchEvent) -> None:
        seat = self._seats.get(key)
        if seat is not None and seat.mailbox.uid == event.uid and not seat.mailbox.deleted:
            seat.mailbox.post(event.body)
        else:
            seat = self._seated(key, Mailbox(key, event.body, self._slots))
        if seat.mailbox.unread:
            self._start(seat)

    def _seated(self, key: ObjectKey, mailbox: Mailbox) -> _Seat:
        """The seat of a new object: its own at once, or its predecessor's when that has come to its end."""
        seat = self._seats.get(key)
        if seat is None or seat.task is None:
            seat = self._seats[key] = _Seat(mailbox)
        else:
            seat.mailbox.close()
            seat.successor = mailbox
        return seat

    def _deleted(self, key: ObjectKey) -> None:
        seat = self._seats.get(key)
        if seat is None:
            return
        seat.successor = None
        seat.mailbox.close()
        if seat.task is None:
            self._vacate(seat)

    def _start(self, seat: _Seat) -> None:
        if self._working and seat.task is None:
            seat.sleep()
            seat.task = self._loop.create_task(self._work(seat.mailbox), name=f"worker of {seat.mailbox.key}")
            # A callback and no finally: a task that is cancelled before its first step runs none.
            seat.task.add_done_callback(lambda task: self._ended(seat, task))

    async def _work(self, mailbox: Mailbox) -> float | None:
        """Lets workers work until one ends and nothing new was said; the outermost edge of every worker."""
        pauses = growing(self._first_pause, LONGEST_PAUSE)
        while True:
            try:
                alarm = await self._worker(mailbox.key, mailbox)
            except Exception as error:  # noqa: BLE001 - nothing a worker does may end another one
                self._failed(mailbox.key, error)
                if mailbox.deleted:
                    return None
                mailbox.acknowledge()
                await mailbox.wait_change(next(pauses))
            else:
                if mailbox.deleted or not mailbox.unread:
                    return alarm
                pauses = growing(self._first_pause, LONGEST_PAUSE)

    def _failed(self, key: ObjectKey, error: Exception) -> None:
        _log.error("worker failed", namespace=key.namespace, name=key.name, exc_info=error)
        if self._on_failure is not None:
            self._on_failure(key, error)

    def _ended(self, seat: _Seat, task: asyncio.Task[float | None]) -> None:
        seat.task = None
        if seat.mailbox.deleted:
            if seat.successor is None:
                self._vacate(seat)
                return
            seat.mailbox, seat.successor = seat.successor, None
        if seat.mailbox.unread:
            self._start(seat)
        elif self._working and not task.cancelled() and (pause := task.result()) is not None:
            seat.alarm = self._loop.call_later(pause, self._start, seat)

    def _vacate(self, seat: _Seat) -> None:
        seat.sleep()
        key = seat.mailbox.key
        self._seats.pop(key, None)
        if self._on_forgotten is not None:
            self._on_forgotten(key)


def _with(waiting: list[WatchEvent], event: WatchEvent) -> list[WatchEvent]:
    """Events of one object in order, without those that say nothing that the next one does not."""
    if waiting and (event.kind is EventKind.DELETED or _says_the_same(waiting[-1], event)):
        waiting.pop()
    return [*waiting, event][-MOST_OVERTAKEN:]


def _says_the_same(older: WatchEvent, newer: WatchEvent) -> bool:
    same_object = (older.kind, older.uid) == (newer.kind, newer.uid)
    return same_object and put_back_by_tools(older.body) == put_back_by_tools(newer.body)
