"""The dispatcher: one worker for each object, the newest body always arrives, failures end nothing."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from roleshift.controller.dispatcher import Dispatcher
from roleshift.controller.inventory import EventKind, WatchEvent
from roleshift.controller.mailbox import Mailbox
from roleshift.engine.identity import ObjectKey

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]

KEY = ObjectKey("people", "seniority")


def body(name: str = "seniority", uid: str = "u1", generation: int = 1, **more: Any) -> dict[str, Any]:
    metadata = {"namespace": "people", "name": name, "uid": uid, "generation": generation}
    return {"metadata": {**metadata, **more}, "spec": {"n": generation}}


def changed(**options: Any) -> WatchEvent:
    return WatchEvent(EventKind.ADDED_OR_MODIFIED, body(**options))


def deleted(**options: Any) -> WatchEvent:
    return WatchEvent(EventKind.DELETED, body(**options))


@dataclass
class Follower:
    """A worker that notes each generation it is shown, until its object is deleted."""

    seen: list[tuple[str, int]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    patience: float | None = None

    async def __call__(self, _: ObjectKey, mailbox: Mailbox) -> None:
        while True:
            latest = mailbox.latest
            self.seen.append((latest["metadata"]["uid"], latest["metadata"]["generation"]))
            if mailbox.deleted or not await mailbox.wait_change(self.patience):
                break
        self.ended.append(mailbox.uid)


def dispatcher(worker: Any, **options: Any) -> Dispatcher:
    return Dispatcher(worker, loop=asyncio.get_running_loop(), **options)


async def settle() -> None:
    await asyncio.sleep(0.01)


def test_a_worker_sees_the_object_and_its_changes(run_virtual: RunVirtual) -> None:
    follower = Follower()

    async def scenario() -> None:
        hub = dispatcher(follower)
        await hub.start_all()
        for generation in (1, 2, 3):
            hub.put(changed(generation=generation))
            await settle()
        await hub.stop_all()

    run_virtual(scenario())
    assert follower.seen == [("u1", 1), ("u1", 2), ("u1", 3)]


def test_of_events_that_come_together_only_the_newest_arrives(run_virtual: RunVirtual) -> None:
    follower = Follower()

    async def scenario() -> None:
        hub = dispatcher(follower)
        await hub.start_all()
        for generation in range(1, 50):
            hub.put(changed(generation=generation))
        await settle()
        await hub.stop_all()

    run_virtual(scenario())
    assert follower.seen == [("u1", 49)]


def test_a_status_alone_wakes_nobody_but_is_there_to_be_read(run_virtual: RunVirtual) -> None:
    boxes: list[Mailbox] = []

    async def worker(_: ObjectKey, mailbox: Mailbox) -> None:
        boxes.append(mailbox)
        assert mailbox.latest

    async def scenario() -> dict[str, Any]:
        hub = dispatcher(worker)
        await hub.start_all()
        hub.put(changed())
        await settle()
        hub.put(WatchEvent(EventKind.ADDED_OR_MODIFIED, {**body(), "status": {"phase": "Done"}}))
        await settle()
        assert hub.depth() == 0
        return boxes[0].latest

    assert run_virtual(scenario())["status"] == {"phase": "Done"}
    assert len(boxes) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 2},
        {"annotations": {"roleshift.dev/retryRequestedAt": "now"}},
        {"deletionTimestamp": "2026-01-01T00:00:00Z"},
    ],
    ids=["spec", "annotation", "deletion"],
)
def test_what_people_change_starts_a_worker_that_had_ended(
    run_virtual: RunVirtual, change: dict[str, Any]
) -> None:
    follower = Follower(patience=0.001)

    async def scenario() -> None:
        hub = dispatcher(follower)
        await hub.start_all()
        hub.put(changed())
        await settle()
        assert follower.ended == ["u1"]
        hub.put(changed(**change))
        await settle()

    run_virtual(scenario())
    assert follower.ended == ["u1", "u1"]


def test_a_change_that_comes_while_a_worker_ends_is_not_lost(run_virtual: RunVirtual) -> None:
    seen: list[int] = []

    async def worker(_: ObjectKey, mailbox: Mailbox) -> None:
        seen.append(mailbox.latest["metadata"]["generation"])
        await asyncio.sleep(1)

    async def scenario() -> None:
        hub = dispatcher(worker)
        await hub.start_all()
        hub.put(changed(generation=1))
        await asyncio.sleep(0.5)
        hub.put(changed(generation=2))
        await asyncio.sleep(5)

    run_virtual(scenario())
    assert seen == [1, 2]


def test_a_deletion_reaches_the_worker_and_the_object_is_forgotten_once_it_has_ended(
    run_virtual: RunVirtual,
) -> None:
    follower, forgotten = Follower(), list[ObjectKey]()

    async def scenario() -> None:
        hub = dispatcher(follower, on_forgotten=forgotten.append)
        await hub.start_all()
        hub.put(changed())
        await settle()
        assert not forgotten
        hub.put(deleted())
        await settle()

    run_virtual(scenario())
    assert follower.ended == ["u1"]
    assert forgotten == [KEY]


def test_a_successor_of_the_same_name_waits_for_the_end_of_its_predecessors_worker(
    run_virtual: RunVirtual,
) -> None:
    spans: list[tuple[str, float, float]] = []

    async def worker(_: ObjectKey, mailbox: Mailbox) -> None:
        loop, uid = asyncio.get_running_loop(), mailbox.latest["metadata"]["uid"]
        started = loop.time()
        while not mailbox.deleted:
            await mailbox.wait_change()
            assert mailbox.latest["metadata"]["uid"] == uid
        await asyncio.sleep(3)
        spans.append((uid, started, loop.time()))

    async def scenario() -> None:
        hub = dispatcher(worker)
        await hub.start_all()
        hub.put(changed(uid="u1"))
        await settle()
        hub.put(changed(uid="u2"))
        await settle()
        hub.put(changed(uid="u2", generation=2))
        await asyncio.sleep(5)
        hub.put(deleted(uid="u2"))
        await asyncio.sleep(5)

    run_virtual(scenario())
    assert [uid for uid, _, _ in spans] == ["u1", "u2"]
    assert spans[1][1] >= spans[0][2]


def test_a_worker_that_fails_is_started_again_after_growing_pauses(run_virtual: RunVirtual) -> None:
    attempts, failures = list[float](), list[Exception]()

    async def worker(_key: ObjectKey, _mailbox: Mailbox) -> None:
        attempts.append(round(asyncio.get_running_loop().time(), 1))
        raise ValueError("a bug")

    async def scenario() -> None:
        hub = dispatcher(worker, on_failure=lambda _, error: failures.append(error))
        await hub.start_all()
        hub.put(changed())
        await asyncio.sleep(20)
        hub.put(changed(generation=2))
        await asyncio.sleep(1)
        await hub.stop_all()

    run_virtual(scenario())
    assert attempts == [0.0, 1.0, 3.0, 7.0, 15.0, 20.0]
    assert len(failures) == 6


def test_a_failing_worker_leaves_the_others_alone(run_virtual: RunVirtual) -> None:
    follower = Follower()

    async def worker(key: ObjectKey, mailbox: Mailbox) -> None:
        if key.name == "bad":
            raise ValueError("a bug")
        await follower(key, mailbox)

    async def scenario() -> None:
        hub = dispatcher(worker)
        await hub.start_all()
        hub.put(changed(name="bad", uid="b"))
        hub.put(changed(name="good", uid="g"))
        await settle()
        hub.put(changed(name="good", uid="g", generation=2))
        await asyncio.sleep(2)
        await hub.stop_all()

    run_virtual(scenario())
    assert follower.seen == [("g", 1), ("g", 2)]


def test_without_the_lease_events_are_kept_and_nobody_works(run_virtual: RunVirtual) -> None:
    follower = Follower()

    async def scenario() -> None:
        hub = dispatcher(follower)
        hub.put(changed(generation=1))
        await settle()
        hub.put(changed(generation=2))
        await settle()
        assert follower.seen == []
        assert hub.depth() == 1
        await hub.start_all()
        await settle()
        assert follower.seen == [("u1", 2)]
        await hub.stop_all()
        hub.put(changed(generation=3))
        await settle()
        assert follower.seen == [("u1", 2)]
        await hub.start_all()
        await settle()
        await hub.stop_all()

    run_virtual(scenario())
    assert follower.seen == [("u1", 2), ("u1", 3)]


def test_a_lease_gained_again_looks_at_every_object_anew(run_virtual: RunVirtual) -> None:
    follower = Follower(patience=0.001)

    async def scenario() -> None:
        hub = dispatcher(follower)
        await hub.start_all()
        hub.put(changed())
        await settle()
        await hub.stop_all()
        await hub.start_all()
        await settle()

    run_virtual(scenario())
    assert follower.seen == [("u1", 1), ("u1", 1)]


def test_workers_work_as_many_at_a_time_as_there_are_slots(run_virtual: RunVirtual) -> None:
    working, most, ended = 0, 0, list[float]()

    async def worker(_: ObjectKey, mailbox: Mailbox) -> None:
        nonlocal working, most
        assert mailbox.latest
        async with mailbox.slots:
            working += 1
            most = max(most, working)
            await asyncio.sleep(1)
            working -= 1
        ended.append(asyncio.get_running_loop().time())

    async def scenario() -> None:
        hub = dispatcher(worker, slots=3)
        await hub.start_all()
        for number in range(10):
            hub.put(changed(name=f"m{number}", uid=str(number)))
        await asyncio.sleep(20)

    run_virtual(scenario())
    assert len(ended) == 10
    assert ended[-1] == pytest.approx(4.0)
    assert most == 3
