"""Keeps the watch going, and notices what it has missed.

kopf's run ends with any error of a watch stream other than 410, and tells
nothing of objects that went away while the stream was down. Migrations go on
meanwhile: they live in another thread.
"""

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import structlog

from roleshift.cluster.client import KubernetesClient
from roleshift.cluster.migrations import RoleMigrations
from roleshift.controller.inventory import Inventory, WatchEvent, vanished
from roleshift.controller.pauses import growing
from roleshift.controller.watcher import Sink, watch
from roleshift.engine.identity import ObjectKey
from roleshift.errors import ClusterError, Reason

COMPARE_SECONDS = 600.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
# A run that held for so long was healthy: the next pause is a short one again.
HEALTHY_SECONDS = 60.0
# Kopf lists anew within seconds; what it has not told of after so long, it will not tell.
STALL_SECONDS = 30.0
GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.05

_log = structlog.get_logger(__name__)


class WatchSupervisor:
    """Runs the watch, again and again, for as long as the operator runs. For the main thread's loop."""

    def __init__(
        self,
        client: KubernetesClient,
        sink: Sink,
        *,
        namespaces: Sequence[str] = (),
        compare_seconds: float = COMPARE_SECONDS,
        stall_seconds: float = STALL_SECONDS,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """Takes what gets the events.

        Args:
            client: lists objects, and lends kopf its credentials.
            sink: called in the main loop with each event that says something new.
            namespaces: the namespaces to watch; none means the whole cluster.
            compare_seconds: between two comparisons with what the API server lists.
            stall_seconds: how long the watch may know nothing of an object that exists.
            first_pause: seconds before the watch is started again; doubled each time up to 30.
        """
        self._client = client
        self._sink = sink
        self._namespaces = tuple(namespaces)
        self._compare_seconds = compare_seconds
        self._stall_seconds = stall_seconds
        self._first_pause = first_pause
        self._migrations = RoleMigrations(client)
        self._inventory = Inventory()
        self._synced = False

    @property
    def synced(self) -> bool:
        """Whether every object that exists has been handed over once since the start."""
        return self._synced

    async def run(self, stop: asyncio.Event) -> None:
        """Watches until `stop` is set, which SIGINT and SIGTERM do as well."""
        take_signals(stop)
        await supervised("watch", lambda: self._watch(stop), stop, first_pause=self._first_pause)

    def _accept(self, event: WatchEvent) -> None:
        if self._inventory.accept(event):
            self._sink(event)

    async def _watch(self, stop: asyncio.Event) -> None:
        """One run of kopf: until it fails, is asked to stop, or misses objects."""
        if not await self._migrations.served():
            raise ClusterError(
                Reason.KUBERNETES_REFUSED,
                "the API server knows no RoleMigrations; apply crds/",
                retryable=True,
            )
        ending = asyncio.Event()
        helpers = [asyncio.create_task(stop.wait()), asyncio.create_task(self._keep_comparing())]
        for helper in helpers:
            helper.add_done_callback(lambda _: ending.set())
        try:
            await self._run_kopf(stop, ending)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)
        for helper in helpers:
            if not helper.cancelled():
                helper.result()

    async def _run_kopf(self, stop: asyncio.Event, ending: asyncio.Event) -> None:
        await watch(
            self._accept,
            client=self._client,
            stop=ending,
            namespaces=self._namespaces,
            on_spawned=lambda: take_signals(stop),
        )

    async def _keep_comparing(self) -> NoReturn:
        pauses = growing(self._first_pause, LONGEST_PAUSE)
        while True:
            try:
                await self._compare()
            except ClusterError as error:
                _log.warning("objects not compared", error=error.message)
                await asyncio.sleep(next(pauses))
            else:
                pauses = growing(self._first_pause, LONGEST_PAUSE)
                await asyncio.sleep(self._compare_seconds)

    async def _compare(self) -> None:
        """Passes on deletions that the watch has missed, and fails when it tells nothing of an object."""
        before = self._inventory.incarnations()
        listed = await self._list()
        for event in vanished(before, listed):
            self._accept(event)
        if not await self._has_seen(listed) and not await self._has_seen(await self._list(), 0.0):
            raise WatchStalledError
        self._synced = True

    async def _has_seen(self, listed: dict[ObjectKey, str], within: float | None = None) -> bool:
        loop = asyncio.get_running_loop()
        patience = self._stall_seconds if within is None else within
        deadline, least = loop.time() + patience, len(listed)
        while unseen := len(self._inventory.unseen(listed)):
            if unseen < least:
                deadline, least = loop.time() + patience, unseen
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    async def _list(self) -> dict[ObjectKey, str]:
        listed: dict[ObjectKey, str] = {}
        for namespace in self._namespaces or (None,):
            listed |= await self._migrations.incarnations(namespace)
        return listed


class WatchStalledError(Exception):
    """The watch tells nothing of an object that exists."""

    def __init__(self) -> None:
        super().__init__("the watch tells nothing of an object that exists")


async def supervised(
    name: str,
    run: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
    *,
    first_pause: float = FIRST_PAUSE,
    most: float = LONGEST_PAUSE,
    healthy: float = HEALTHY_SECONDS,
) -> None:
    """Runs something again and again, with growing pauses, until `stop` is set.

    Args:
        name: what it is called in the log.
        run: what to run; any exception of it is logged.
        stop: ends it: `run` is expected to end by itself then, and is cancelled after 5 seconds.
        first_pause: seconds before the second run; doubled each time.
        most: the longest pause in seconds.
        healthy: a run that lasted so many seconds makes the next pause a short one again.
    """
    loop = asyncio.get_running_loop()
    pauses = growing(first_pause, most)
    while not stop.is_set():
        started = loop.time()
        error = await _outcome(name, run, stop)
        if stop.is_set():
            return
        if loop.time() - started >= healthy:
            pauses = growing(first_pause, most)
        pause = next(pauses)
        _report(name, error, pause)
        await _sleep(pause, stop)


def take_signals(stop: asyncio.Event) -> None:
    """Lets SIGINT and SIGTERM set `stop`; kopf's own handlers would be deaf between two of its runs."""
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)


def _report(name: str, error: BaseException | None, pause: float) -> None:
    expected = isinstance(error, ClusterError | WatchStalledError | None)
    _log.warning(
        "ended and is started again",
        task=name,
        error=f"{type(error).__name__}: {error}",
        pause_seconds=pause,
        exc_info=None if expected else error,
    )


async def _outcome(
    name: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event
) -> BaseException | None:
    async def running() -> None:
        await run()

    task, stopping = asyncio.create_task(running(), name=name), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=GRACE_SECONDS)
    finally:
        task.cancel()
        stopping.cancel()
        await asyncio.wait({task, stopping})
    return None if task.cancelled() else task.exception()


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
