"""The dispatcher under whatever order of events, failures and threads: the newest is never lost."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from roleshift.controller.dispatcher import Dispatcher
from roleshift.controller.inventory import EventKind, WatchEvent
from roleshift.controller.mailbox import Mailbox
from roleshift.engine.identity import ObjectKey

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]


def body(name: str = "seniority", uid: str = "u1", generation: int = 1, **more: Any) -> dict[str, Any]:
    metadata = {"namespace": "people", "name": name, "uid": uid, "generation": generation}
    return {"metadata": {**metadata, **more}, "spec": {"n": generation}}


def changed(**options: Any) -> WatchEvent:
    return WatchEvent(EventKind.ADDED_OR_MODIFIED, body(**options))


def deleted(**options: Any) -> WatchEvent:
    return WatchEvent(EventKind.DELETED, body(**options))


def dispatcher(worker: Any, **options: Any) -> Dispatcher:
    return Dispatcher(worker, loop=asyncio.get_running_loop(), **options)


class Author:
    """Somebody who creates, changes, re-creates and deletes objects, and remembers what should be seen."""

    def __init__(self, hub: Dispatcher) -> None:
        self.hub = hub
        self.generations = {"a": 0, "b": 0}
        self.lives = {"a": 0, "b": 0}
        self.newest: dict[str, tuple[str, int]] = {}

    async def act(self, name: str, what: str) -> None:
        match what:
            case "stop":
                await self.hub.stop_all()
            case "start":
                await self.hub.start_all()
            case "delete":
                self.hub.put(deleted(name=name, uid=f"{name}{self.lives[name]}"))
                self.newest.pop(name, None)
                self.lives[name] += 1
            case _:
                self.change(name, what)

    def change(self, name: str, what: str) -> None:
        self.lives[name] += what == "re-create"
        self.generations[name] += 1
        self.newest[name] = (f"{name}{self.lives[name]}", self.generations[name])
        self.hub.put(changed(name=name, uid=self.newest[name][0], generation=self.generations[name]))


class Unreliable:
    """A worker that takes a while, fails now and then, and must never work twice for one name."""

    def __init__(self, busy: float, fails_every: int) -> None:
        self.busy, self.fails_every, self.calls = busy, fails_every, 0
        self.active = set[str]()
        self.seen: dict[str, tuple[str, int]] = {}

    async def __call__(self, key: ObjectKey, mailbox: Mailbox) -> None:
        assert key.name not in self.active, "two workers of one name"
        self.active.add(key.name)
        try:
            await self.work(key, mailbox)
        finally:
            self.active.remove(key.name)

    async def work(self, key: ObjectKey, mailbox: Mailbox) -> None:
        self.calls += 1
        metadata = mailbox.latest["metadata"]
        if self.fails_every and self.calls % self.fails_every == 0:
            raise ValueError("now and then")
        await asyncio.sleep(self.busy)
        self.seen[key.name] = (metadata["uid"], metadata["generation"])


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from(["change", "change", "change", "re-create", "delete", "stop", "start"]),
        st.sampled_from([0.0, 0.0, 0.05, 1.5]),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(events=EVENTS, busy=st.sampled_from([0.0, 0.3, 2.0]), fails_every=st.sampled_from([0, 2, 3]))
def test_whatever_happens_the_newest_body_of_every_object_is_seen(
    run_virtual: RunVirtual, events: list[tuple[str, str, float]], busy: float, fails_every: int
) -> None:
    worker = Unreliable(busy, fails_every)

    async def scenario() -> Author:
        author = Author(dispatcher(worker))
        await author.hub.start_all()
        for name, what, pause in events:
            await author.act(name, what)
            await asyncio.sleep(pause)
        await author.hub.start_all()
        await asyncio.sleep(300)
        assert author.hub.depth() == 0
        await author.hub.stop_all()
        return author

    author = run_virtual(scenario())
    assert author.newest.items() <= worker.seen.items()


ROUNDS = 200


def feed(hub: Dispatcher, names: list[str]) -> None:
    for generation in range(1, ROUNDS + 1):
        for name in names:
            hub.put(changed(name=name, uid=name, generation=generation))
        if generation % 50 == 0:
            time.sleep(0.002)


async def test_threads_hand_over_without_losing_the_newest() -> None:
    names = [f"m{number}" for number in range(20)]
    last, done = dict.fromkeys(names, 0), asyncio.Event()

    async def worker(key: ObjectKey, mailbox: Mailbox) -> None:
        while last[key.name] < ROUNDS:
            last[key.name] = mailbox.latest["metadata"]["generation"]
            if set(last.values()) == {ROUNDS}:
                done.set()
            await mailbox.wait_change()

    hub = dispatcher(worker)
    await hub.start_all()
    threads = [threading.Thread(target=feed, args=(hub, names[part::4])) for part in range(4)]
    for thread in threads:
        thread.start()
    await asyncio.wait_for(done.wait(), 30)
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await hub.stop_all()
