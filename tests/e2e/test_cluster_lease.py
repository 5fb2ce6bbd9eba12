"""Leases on a real API server."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from localenv.controlplane import ControlPlane
from roleshift.cluster.client import KubernetesClient
from roleshift.cluster.lease import LeaderElector


@pytest.fixture
def client(control_plane: ControlPlane) -> Iterator[KubernetesClient]:
    created = KubernetesClient.from_environment(kubeconfig=str(control_plane.kubeconfig), timeout=10)
    yield created
    created.close()


@dataclass
class Operator:
    """An elector and what it was told; it asks often."""

    client: KubernetesClient
    namespace: str
    identity: str
    lease_seconds: float = 30
    renew_seconds: float = 20
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.elector = LeaderElector(
            self.client,
            self.namespace,
            identity=self.identity,
            lease_seconds=self.lease_seconds,
            renew_seconds=self.renew_seconds,
            retry_seconds=0.2,
        )
        self.task = asyncio.create_task(self.elector.run(self._started, self._stopped))

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})

    async def _started(self) -> None:
        self.told.append("started")

    async def _stopped(self) -> None:
        self.told.append("stopped")


async def until(condition: Callable[[], bool], seconds: float = 10) -> float:
    started = asyncio.get_running_loop().time()
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - looks at another thread or server
            await asyncio.sleep(0.02)
    return asyncio.get_running_loop().time() - started


def holder(control_plane: ControlPlane, namespace: str) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/roleshift-operator"
    return str(control_plane.api.request("GET", path)["spec"]["holderIdentity"])


async def test_one_of_two_leads_and_the_other_follows_at_once_when_it_leaves(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    first = Operator(client, namespace, "a")
    await until(lambda: first.elector.leading)
    second = Operator(client, namespace, "b")
    await asyncio.sleep(1)
    assert second.told == []
    assert holder(control_plane, namespace) == "a"
    await first.end()
    assert first.told == ["started", "stopped"]
    assert await until(lambda: second.elector.leading) < second.lease_seconds
    await second.end()
    assert holder(control_plane, namespace) == ""


async def test_ten_that_start_together_have_one_leader(client: KubernetesClient, namespace: str) -> None:
    operators = [Operator(client, namespace, str(number)) for number in range(10)]
    await until(lambda: any(one.elector.leading for one in operators))
    await asyncio.sleep(1.5)
    assert sum(one.elector.leading for one in operators) == 1
    assert sum(len(one.told) for one in operators) == 1
    for one in operators:
        await one.end()


async def test_a_lease_of_the_dead_is_taken_when_its_time_is_over(
    client: KubernetesClient, namespace: str, control_plane: ControlPlane
) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 2, "renewTime": "2020-01-01T00:00:00.000000Z"}
    control_plane.api.request("POST", path, {"metadata": {"name": "roleshift-operator"}, "spec": spec})
    heir = Operator(client, namespace, "b")
    assert await until(lambda: heir.elector.leading) >= 1.8
    await heir.end()


async def test_the_same_identity_takes_its_own_lease_back_at_once(
    client: KubernetesClient, namespace: str, control_plane: ControlPlane
) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    spec = {"holderIdentity": "a", "leaseDurationSeconds": 3600, "leaseTransitions": 4}
    control_plane.api.request("POST", path, {"metadata": {"name": "roleshift-operator"}, "spec": spec})
    again = Operator(client, namespace, "a")
    await until(lambda: again.elector.leading)
    told = control_plane.api.request("GET", f"{path}/roleshift-operator")["spec"]
    assert (told["holderIdentity"], told["leaseTransitions"]) == ("a", 4)
    await again.end()


async def test_who_can_not_renew_stops_and_takes_it_back_when_the_server_answers(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    only = Operator(client, namespace, "a", lease_seconds=6, renew_seconds=2)
    await until(lambda: only.elector.leading)
    control_plane.pause_api()
    try:
        assert await until(lambda: not only.elector.leading) < only.lease_seconds
    finally:
        control_plane.resume_api()
    await until(lambda: only.elector.leading)
    assert only.told == ["started", "stopped", "started"]
    await only.end()
