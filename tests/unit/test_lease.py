"""The times of a Lease, in virtual time; the real API server has its turn in the end-to-end tests."""

import asyncio
import copy
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

from roleshift.cluster.client import ApiError, ConflictError, KubernetesClient, NotFoundError
from roleshift.cluster.lease import LeaderElector

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]


@dataclass
class Leases:
    """One stored Lease with a resource version, for several clients that can be cut off one by one."""

    stored: dict[str, Any] | None = None
    version: int = 0
    writes: int = 0

    def store(self, lease: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.writes += 1
        self.stored = copy.deepcopy(lease)
        self.stored["metadata"]["resourceVersion"] = str(self.version)
        return copy.deepcopy(self.stored)


@dataclass
class Client:
    """What one elector sees of it."""

    leases: Leases
    away: bool = False
    closed: bool = False

    def lane(self, **_: Any) -> "Client":
        return self

    def close(self) -> None:
        self.closed = True

    async def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        await asyncio.sleep(0.01)
        if self.away:
            raise ApiError(503, "away", retryable=True)
        stored = self.leases.stored
        if method == "POST":
            if stored is not None:
                raise ConflictError(409, "exists", retryable=True)
            return self.leases.store(body)
        if stored is None:
            raise NotFoundError(404, path, retryable=True)
        if method == "GET":
            return copy.deepcopy(stored)
        if body["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"]:
            raise ConflictError(409, "changed", retryable=True)
        return self.leases.store(body)


@dataclass
class Participant:
    """One elector and when it led."""

    leases: Leases
    identity: str
    log: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Client(self.leases)
        self.elector = LeaderElector(cast(KubernetesClient, self.client), "system", identity=self.identity)

    def run(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.elector.run(self._started, self._stopped))

    async def _started(self) -> None:
        self.log.append(("started", asyncio.get_running_loop().time()))

    async def _stopped(self) -> None:
        self.log.append(("stopped", asyncio.get_running_loop().time()))


async def cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def test_one_leads_and_the_other_waits_for_as_long_as_it_renews(run_virtual: RunVirtual) -> None:
    leases = Leases()
    first, second = Participant(leases, "a"), Participant(leases, "b")

    async def scenario() -> None:
        tasks = [first.run(), second.run()]
        await asyncio.sleep(120)
        assert [first.elector.leading, second.elector.leading] == [True, False]
        for task in tasks:
            await cancel(task)

    run_virtual(scenario())
    assert [what for what, _ in first.log] == ["started", "stopped"]
    assert 55 <= leases.writes <= 65


def test_a_lease_given_back_is_taken_within_a_retry(run_virtual: RunVirtual) -> None:
    leases = Leases()
    first, second = Participant(leases, "a"), Participant(leases, "b")

    async def scenario() -> None:
        tasks = [first.run(), second.run()]
        await asyncio.sleep(10)
        await cancel(tasks[0])
        assert first.client.closed
        await asyncio.sleep(2.5)
        assert second.elector.leading
        await cancel(tasks[1])

    run_virtual(scenario())
    assert leases.stored is not None
    assert leases.stored["spec"]["holderIdentity"] == ""
    assert leases.stored["spec"]["leaseTransitions"] == 1


def test_a_leader_that_is_cut_off_stops_before_another_one_starts(run_virtual: RunVirtual) -> None:
    leases = Leases()
    first, second = Participant(leases, "a"), Participant(leases, "b")

    async def scenario() -> None:
        tasks = [first.run(), second.run()]
        await asyncio.sleep(21)
        first.client.away = True
        await asyncio.sleep(30)
        assert [first.elector.leading, second.elector.leading] == [False, True]
        first.client.away = False
        await asyncio.sleep(60)
        assert [first.elector.leading, second.elector.leading] == [False, True]
        for task in tasks:
            await cancel(task)

    run_virtual(scenario())
    stopped = next(time for what, time in first.log if what == "stopped")
    started = next(time for what, time in second.log if what == "started")
    assert stopped <= 21 + 10
    assert stopped < started <= 21 + 15 + 2.5


def test_the_same_identity_takes_its_own_lease_back_at_once(run_virtual: RunVirtual) -> None:
    leases = Leases()
    killed, again = Participant(leases, "a"), Participant(leases, "a")

    async def scenario() -> float:
        task = killed.run()
        await asyncio.sleep(5)
        killed.client.away = True
        await cancel(task)
        assert leases.stored is not None
        assert leases.stored["spec"]["holderIdentity"] == "a"
        began = asyncio.get_running_loop().time()
        task = again.run()
        await asyncio.sleep(0.1)
        assert again.elector.leading
        await cancel(task)
        return began

    run_virtual(scenario())
    assert leases.stored is not None
    assert leases.stored["spec"]["leaseTransitions"] == 0


def test_a_short_outage_costs_no_lease(run_virtual: RunVirtual) -> None:
    leases = Leases()
    first = Participant(leases, "a")

    async def scenario() -> None:
        task = first.run()
        await asyncio.sleep(10)
        first.client.away = True
        await asyncio.sleep(5)
        first.client.away = False
        await asyncio.sleep(30)
        assert first.elector.leading
        await cancel(task)

    run_virtual(scenario())
    assert [what for what, _ in first.log] == ["started", "stopped"]


def test_a_lease_that_somebody_else_took_over_stops_the_work(run_virtual: RunVirtual) -> None:
    leases = Leases()
    first = Participant(leases, "a")

    async def scenario() -> None:
        task = first.run()
        await asyncio.sleep(5)
        assert leases.stored is not None
        stolen = copy.deepcopy(leases.stored)
        stolen["spec"]["holderIdentity"] = "somebody"
        leases.store(stolen)
        await asyncio.sleep(2.5)
        assert not first.elector.leading
        await cancel(task)

    run_virtual(scenario())
    assert [what for what, _ in first.log] == ["started", "stopped"]


def test_a_leader_that_stood_still_is_none_when_it_wakes_before_any_task_could_tell_it(
    run_virtual: RunVirtual,
) -> None:
    first = Participant(Leases(), "a")

    async def scenario() -> None:
        task = first.run()
        await asyncio.sleep(5)
        led = [first.elector.leading]
        cast(Any, asyncio.get_running_loop())._clock.now += 60
        led.append(first.elector.leading)
        await cancel(task)
        assert led == [True, False]

    run_virtual(scenario())
