"""kopf as the watcher, on a real API server: it sees everything, writes nothing, and survives."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localenv.controlplane import ControlPlane
from localenv.namespaces import create_namespace, delete_namespace
from localenv.repository import CRDS
from roleshift.cluster.client import KubernetesClient
from roleshift.cluster.migrations import RoleMigrations
from roleshift.controller.inventory import EventKind, WatchEvent
from roleshift.controller.supervisor import WatchSupervisor
from roleshift.errors import ClusterError

MINIMAL = Path(__file__).parents[1] / "manifests" / "minimal.yaml"


@pytest.fixture
def client(control_plane: ControlPlane) -> Iterator[KubernetesClient]:
    created = KubernetesClient.from_environment(kubeconfig=str(control_plane.kubeconfig), timeout=10)
    yield created
    created.close()


@dataclass
class Seen:
    """What the sink was given."""

    events: list[WatchEvent] = field(default_factory=list)
    supervisor: WatchSupervisor | None = None

    def kinds(self, name: str) -> list[EventKind]:
        return [event.kind for event in self.events if event.key.name == name]

    def versions(self, name: str) -> list[str]:
        return [
            event.body["metadata"].get("resourceVersion", "")
            for event in self.events
            if event.key.name == name
        ]


@contextlib.asynccontextmanager
async def watching(
    client: KubernetesClient, *namespaces: str, at_end: Callable[[], Any] = lambda: None, **options: Any
) -> AsyncIterator[Seen]:
    seen, stop = Seen(), asyncio.Event()
    options = {"first_pause": 0.2, **options}
    seen.supervisor = WatchSupervisor(client, seen.events.append, namespaces=namespaces, **options)
    running = asyncio.create_task(seen.supervisor.run(stop))
    try:
        yield seen
    finally:
        stop.set()
        try:
            await asyncio.wait_for(running, 15)
        finally:
            at_end()
        await sockets_closed()


async def sockets_closed() -> None:
    """Waits until no socket of this loop is open: a TLS connection ends only when the server has answered."""
    loop: Any = asyncio.get_running_loop()
    await until(lambda: all(_is_closed(transport) for transport in list(loop._transports.values())))


def _is_closed(transport: asyncio.Transport) -> bool:
    return bool(transport.get_extra_info("socket").fileno() == -1)


async def until(condition: Callable[[], Any], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - looks at another thread or server
            await asyncio.sleep(0.02)


def named(name: str) -> str:
    return MINIMAL.read_text().replace("name: minimal", f"name: {name}", 1)


def stored(control_plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    path = f"/apis/roleshift.dev/v1alpha1/namespaces/{namespace}/rolemigrations/{name}"
    return control_plane.api.request("GET", path)


async def apply(control_plane: ControlPlane, namespace: str, name: str) -> None:
    await asyncio.to_thread(control_plane.apply, named(name), namespace)


async def kubectl(control_plane: ControlPlane, *arguments: str) -> None:
    await asyncio.to_thread(control_plane.kubectl, *arguments)


async def test_objects_are_seen_when_they_are_there_come_change_and_go(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    await apply(control_plane, namespace, "before")
    async with watching(client, namespace) as seen:
        await until(lambda: seen.supervisor and seen.supervisor.synced)
        assert seen.kinds("before") == [EventKind.ADDED_OR_MODIFIED]
        await apply(control_plane, namespace, "after")
        await until(lambda: seen.kinds("after"))
        await kubectl(control_plane, "annotate", "rolemigration", "after", "a=b", "-n", namespace)
        await until(lambda: len(seen.kinds("after")) == 2)
        assert seen.events[-1].body["metadata"]["annotations"]["a"] == "b"
        assert seen.events[-1].body["spec"]["target"]["table"] == "users"
        await kubectl(control_plane, "delete", "rolemigration", "after", "-n", namespace)
        await until(lambda: seen.kinds("after")[-1] is EventKind.DELETED)


async def test_kopf_leaves_the_objects_alone(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    await apply(control_plane, namespace, "mine")
    before = stored(control_plane, namespace, "mine")
    async with watching(client, namespace) as seen:
        await until(lambda: seen.kinds("mine"))
        await apply(control_plane, namespace, "other")
        await until(lambda: seen.kinds("other"))
        await asyncio.sleep(1)
        assert stored(control_plane, namespace, "mine") == before
    assert stored(control_plane, namespace, "mine") == before
    other = stored(control_plane, namespace, "other")["metadata"]
    assert not {"annotations", "finalizers"} & other.keys()
    assert {entry["manager"] for entry in other["managedFields"]} == {"kubectl"}
    told = control_plane.kubectl("get", "events", "-n", namespace, "-o", "name").stdout
    assert told == ""


async def test_only_the_chosen_namespaces_are_watched(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    elsewhere = create_namespace(control_plane.api)
    await apply(control_plane, elsewhere, "foreign")
    async with watching(client, namespace) as seen:
        await apply(control_plane, namespace, "mine")
        await until(lambda: seen.kinds("mine"))
        assert seen.kinds("foreign") == []
    async with watching(client) as seen:
        await until(lambda: seen.kinds("mine") and seen.kinds("foreign"))
    delete_namespace(control_plane.api, elsewhere)


async def test_a_restart_of_the_api_server_is_survived(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    async with watching(client, namespace) as seen:
        await apply(control_plane, namespace, "before")
        await until(lambda: seen.kinds("before"))
        await asyncio.to_thread(control_plane.restart_api)
        await apply(control_plane, namespace, "after")
        await until(lambda: seen.kinds("after"), 40)
        assert seen.kinds("before") == [EventKind.ADDED_OR_MODIFIED]


async def test_a_deletion_that_the_stream_did_not_tell_is_found_by_comparing(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    await apply(control_plane, namespace, "here")
    metadata = {"namespace": namespace, "name": "gone", "uid": "u", "resourceVersion": "1"}
    async with watching(client, namespace, compare_seconds=0.5) as seen:
        await until(lambda: seen.supervisor and seen.supervisor.synced)
        assert seen.supervisor is not None
        seen.supervisor._accept(WatchEvent(EventKind.ADDED_OR_MODIFIED, {"metadata": metadata}))
        await until(lambda: seen.kinds("gone") == [EventKind.ADDED_OR_MODIFIED, EventKind.DELETED])
        assert seen.kinds("here") == [EventKind.ADDED_OR_MODIFIED]


async def test_a_watch_that_misses_an_object_is_started_again(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    await apply(control_plane, namespace, "here")
    async with watching(client, namespace, compare_seconds=0.5, stall_seconds=1) as seen:
        await until(lambda: seen.supervisor and seen.supervisor.synced)
        assert seen.supervisor is not None
        seen.supervisor._inventory.accept(WatchEvent(EventKind.DELETED, seen.events[0].body))
        await until(lambda: len(seen.kinds("here")) == 2)


DEFINITIONS = [f"--filename={file}" for file in sorted(CRDS.glob("*_*.yaml"))]


async def define(control_plane: ControlPlane, client: KubernetesClient, namespace: str) -> None:
    """Applies the CustomResourceDefinition and waits until its objects can be listed."""
    migrations = RoleMigrations(client)
    await kubectl(control_plane, "apply", "--server-side", *DEFINITIONS)
    async with asyncio.timeout(30):
        while not await migrations.served():  # noqa: ASYNC110 - looks at a server
            await asyncio.sleep(0.1)
        while True:
            with contextlib.suppress(ClusterError):
                await migrations.list(namespace)
                return
            await asyncio.sleep(0.1)


async def test_a_definition_that_comes_late_is_waited_for(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    await kubectl(control_plane, "delete", *DEFINITIONS)
    try:
        async with watching(client, namespace) as seen:
            await asyncio.sleep(1)
            assert seen.supervisor
            assert not seen.supervisor.synced
            await define(control_plane, client, namespace)
            await until(lambda: seen.supervisor and seen.supervisor.synced)
            await apply(control_plane, namespace, "late")
            await until(lambda: seen.kinds("late"))
            await kubectl(control_plane, "delete", *DEFINITIONS)
            await until(lambda: seen.kinds("late")[-1] is EventKind.DELETED)
            await define(control_plane, client, namespace)
            await apply(control_plane, namespace, "again")
            await until(lambda: seen.kinds("again"), 40)
    finally:
        await define(control_plane, client, namespace)


async def test_the_operators_own_rights_are_enough(
    control_plane: ControlPlane, operator_kubeconfig: Path, namespace: str
) -> None:
    client = KubernetesClient.from_environment(kubeconfig=str(operator_kubeconfig))
    async with watching(client, namespace) as seen:
        await apply(control_plane, namespace, "mine")
        await until(lambda: seen.kinds("mine"))
    async with watching(client) as seen:
        await until(lambda: seen.kinds("mine"))
    client.close()


async def test_sigterm_ends_the_watch_soon(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    await apply(control_plane, namespace, "mine")
    seen, stop = Seen(), asyncio.Event()
    supervisor = WatchSupervisor(client, seen.events.append, namespaces=[namespace])
    running = asyncio.create_task(supervisor.run(stop))
    await until(lambda: supervisor.synced)
    signal.raise_signal(signal.SIGTERM)
    await asyncio.wait_for(running, 10)
    await asyncio.sleep(0.1)
    assert stop.is_set()


async def test_sigterm_ends_the_watch_of_a_server_that_hangs(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    ended: list[float] = []

    def note_and_resume() -> None:
        ended.append(time.monotonic())
        control_plane.resume_api()

    async with watching(client, namespace, at_end=note_and_resume) as seen:
        await until(lambda: seen.supervisor and seen.supervisor.synced)
        control_plane.pause_api()
        await asyncio.sleep(0.5)
        started = time.monotonic()
    assert ended[0] - started < 14
