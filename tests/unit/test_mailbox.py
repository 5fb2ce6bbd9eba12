"""What a worker missed: bodies that asked for something and were replaced before it looked."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from roleshift.controller.dispatcher import Dispatcher
from roleshift.controller.inventory import EventKind, WatchEvent
from roleshift.controller.mailbox import MOST_OVERTAKEN, Mailbox
from roleshift.engine.identity import ObjectKey

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]

KEY = ObjectKey("people", "seniority")


def body(
    generation: int, state: str = "Migrated", *, uid: str = "u1", name: str = "seniority"
) -> dict[str, Any]:
    metadata = {"namespace": "people", "name": name, "uid": uid, "generation": generation}
    return {"metadata": metadata, "spec": {"desiredState": state}}


def mailbox(*bodies: dict[str, Any]) -> Mailbox:
    box = Mailbox(KEY, body(1), asyncio.Semaphore())
    assert box.overtaken() == []
    for one in bodies:
        box.post(one)
    return box


def told(box: Mailbox) -> list[int]:
    return [one["metadata"]["generation"] for one in box.overtaken()]


def test_a_wish_that_is_put_back_before_anybody_looked_is_told_once() -> None:
    box = mailbox(body(2, "RolledBack"), body(3))
    assert told(box) == [2]
    assert told(box) == []
    assert box.latest["metadata"]["generation"] == 3


def test_a_wish_that_stands_is_in_the_newest_body() -> None:
    assert told(mailbox(body(2, "RolledBack"))) == []
    assert told(mailbox(body(2, "RolledBack"), body(3, "RolledBack"))) == []


def test_what_was_looked_at_is_not_told_again() -> None:
    box = mailbox(body(2, "RolledBack"))
    assert told(box) == []
    box.post(body(3))
    assert told(box) == []


def test_reading_the_newest_body_alone_is_no_look_at_what_it_asks() -> None:
    box = mailbox(body(2, "RolledBack"))
    assert box.latest
    box.post(body(3))
    assert told(box) == [2]


def test_a_tool_that_goes_on_for_ever_fills_no_memory() -> None:
    fight = [body(n, "RolledBack" if n % 2 else "Migrated") for n in range(2, 100)]
    assert told(mailbox(*fight)) == list(range(99 - MOST_OVERTAKEN, 99))


def test_who_gains_the_lease_hears_nothing_of_what_was_overtaken_before() -> None:
    box = mailbox(body(2, "RolledBack"), body(3))
    box.remind()
    assert told(box) == []


def test_events_that_come_together_lose_no_wish(run_virtual: RunVirtual) -> None:
    heard: list[list[int]] = []

    async def worker(_: ObjectKey, box: Mailbox) -> None:
        heard.append([*told(box), box.latest["metadata"]["generation"]])

    async def scenario() -> None:
        hub = Dispatcher(worker, loop=asyncio.get_running_loop())
        await hub.start_all()
        for one in (body(1), body(2), body(3, "RolledBack"), body(4), body(5)):
            hub.put(WatchEvent(EventKind.ADDED_OR_MODIFIED, one))
        await asyncio.sleep(0.01)
        await hub.stop_all()

    run_virtual(scenario())
    assert heard == [[2, 3, 5]]


def test_a_deletion_and_a_successor_that_come_together_are_both_seen(run_virtual: RunVirtual) -> None:
    seen: list[str] = []

    async def worker(_: ObjectKey, box: Mailbox) -> None:
        seen.append(box.latest["metadata"]["uid"])

    async def scenario() -> None:
        hub = Dispatcher(worker, loop=asyncio.get_running_loop())
        await hub.start_all()
        hub.put(WatchEvent(EventKind.ADDED_OR_MODIFIED, body(1)))
        await asyncio.sleep(0.01)
        hub.put(WatchEvent(EventKind.ADDED_OR_MODIFIED, body(2, "RolledBack")))
        hub.put(WatchEvent(EventKind.DELETED, body(2, "RolledBack")))
        hub.put(WatchEvent(EventKind.ADDED_OR_MODIFIED, body(1, uid="u2")))
        await asyncio.sleep(0.01)
        await hub.stop_all()

    run_virtual(scenario())
    assert seen == ["u1", "u2"]
