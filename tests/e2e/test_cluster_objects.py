"""Secrets, Events, the finalizer and the operator's rights on a real API server."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from localenv.controlplane import ControlPlane
from localenv.operator import OPERATOR_NAMESPACE
from roleshift.cluster.client import (
    ConflictError,
    KubernetesClient,
    NotFoundError,
)
from roleshift.cluster.events import EventRecorder, EventType
from roleshift.cluster.finalizer import FINALIZER, Finalizers
from roleshift.cluster.identity import cluster_uid
from roleshift.cluster.lease import LeaderElector
from roleshift.cluster.migrations import RoleMigrations
from roleshift.cluster.secrets import SecretReader
from roleshift.cluster.status_writer import StatusPatch
from roleshift.engine.identity import ObjectRef
from roleshift.errors import ClusterError, Reason
from support.minimal_object import MINIMAL, look, stored

# Secrets


async def test_a_secret_is_read_as_bytes_and_shown_to_the_redactor_first(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    control_plane.kubectl(
        "create", "secret", "generic", "db", "--from-literal=uri=postgresql://x", "-n", namespace
    )
    shown: list[tuple[str, bytes]] = []
    data = await SecretReader(client, on_secret=lambda *entry: shown.append(entry)).read(namespace, "db")
    assert data == {"uri": b"postgresql://x"}
    assert shown == [("uri", b"postgresql://x")]


async def test_a_missing_secret_is_named_and_heals(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    with pytest.raises(ClusterError, match='Secret "db" is not in namespace') as caught:
        await SecretReader(client).read(namespace, "db")
    assert (caught.value.reason, caught.value.retryable) == (Reason.SECRET_NOT_FOUND, True)
    control_plane.kubectl("create", "secret", "generic", "db", "-n", namespace)
    assert await SecretReader(client).read(namespace, "db") == {}


async def test_a_config_map_gives_text_and_binary_data(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    control_plane.kubectl(
        "create",
        "configmap",
        "ca",
        "--from-literal=ca.crt=PEM",
        f"--from-file={tmp_path}/binary",
        "-n",
        namespace,
    )
    data = await SecretReader(client).read_config_map(namespace, "ca")
    assert data == {"ca.crt": b"PEM", "binary": b"\xff\x00"}


# Events


async def test_events_are_what_kubectl_shows(
    control_plane: ControlPlane, client: KubernetesClient, ref: ObjectRef
) -> None:
    dropped: list[str] = []
    recorder = EventRecorder(client, "roleshift.dev/operator", "pod-1", on_dropped=dropped.append)
    recorder.emit(ref, EventType.NORMAL, "Checking", "7 of 24 checks begin")
    recorder.emit(ref, EventType.WARNING, "ChecksFailed", "ü" * 2000)
    await recorder.close()
    assert dropped == []
    kubectl = control_plane.kubectl
    told = kubectl("events", "--for=rolemigration/minimal", "-n", ref.namespace).stdout
    assert "7 of 24 checks begin" in told
    assert "Warning" in told
    described = kubectl("describe", "rolemigration", "minimal", "-n", ref.namespace).stdout
    assert "roleshift.dev/operator" in described
    assert "ChecksFailed" in described


async def test_an_event_about_a_namespace_that_is_gone_harms_nothing(client: KubernetesClient) -> None:
    dropped: list[str] = []
    recorder = EventRecorder(client, "roleshift.dev/operator", "pod-1", on_dropped=dropped.append)
    recorder.emit(ObjectRef("no-such-namespace", "x", "uid"), EventType.NORMAL, "Checking", "…")
    await recorder.close(timeout=20)
    assert dropped == ["Checking"]


# The finalizer


async def test_the_finalizer_is_added_once_and_removed_and_others_stay(
    control_plane: ControlPlane, client: KubernetesClient, ref: ObjectRef
) -> None:
    other = {"metadata": {"finalizers": ["example.com/other"]}}
    await RoleMigrations(client).patch(ref.key, other)
    finalizers, seen = Finalizers(client), look(control_plane, ref.namespace)
    version = await finalizers.add(seen, ["example.com/other"])
    metadata = stored(control_plane, ref.namespace)["metadata"]
    assert metadata["finalizers"] == ["example.com/other", FINALIZER]
    assert metadata["resourceVersion"] == version
    again = ObjectRef(ref.namespace, ref.name, ref.uid)
    assert await finalizers.add(again) == version
    await finalizers.remove(ref)
    await finalizers.remove(ref)
    assert stored(control_plane, ref.namespace)["metadata"]["finalizers"] == ["example.com/other"]


@pytest.mark.parametrize("present", [[], None], ids=["known finalizers", "read first"])
async def test_no_finalizer_on_an_object_that_changed_since_it_was_looked_at(
    control_plane: ControlPlane, client: KubernetesClient, ref: ObjectRef, present: list[str] | None
) -> None:
    control_plane.kubectl("annotate", "rolemigration", "minimal", "by=somebody", "-n", ref.namespace)
    with pytest.raises(ConflictError):
        await Finalizers(client).add(ref, present)
    assert "finalizers" not in stored(control_plane, ref.namespace)["metadata"]


@pytest.mark.parametrize("known", [True, False])
async def test_no_finalizer_on_an_object_that_is_being_deleted(
    control_plane: ControlPlane, client: KubernetesClient, ref: ObjectRef, known: bool
) -> None:
    other = {"metadata": {"finalizers": ["example.com/other"]}}
    await RoleMigrations(client).patch(ref.key, other)
    control_plane.kubectl("delete", "rolemigration", "minimal", "--wait=false", "-n", ref.namespace)
    seen = look(control_plane, ref.namespace)
    with pytest.raises(ConflictError):
        await Finalizers(client).add(seen, ["example.com/other"] if known else None)
    assert stored(control_plane, ref.namespace)["metadata"]["finalizers"] == ["example.com/other"]


async def test_no_finalizer_for_a_successor_of_the_same_name(
    control_plane: ControlPlane, client: KubernetesClient, ref: ObjectRef
) -> None:
    control_plane.kubectl("delete", "rolemigration", "minimal", "-n", ref.namespace)
    finalizers = Finalizers(client)
    with pytest.raises(NotFoundError):
        await finalizers.add(ObjectRef(ref.namespace, ref.name, ref.uid))
    await finalizers.remove(ref)
    control_plane.apply(MINIMAL, ref.namespace)
    with pytest.raises(ConflictError):
        await finalizers.add(ref, [])
    with pytest.raises(NotFoundError):
        await finalizers.add(ObjectRef(ref.namespace, ref.name, ref.uid))
    assert "finalizers" not in stored(control_plane, ref.namespace)["metadata"]


async def test_removing_the_last_finalizer_lets_the_object_go(
    control_plane: ControlPlane, client: KubernetesClient, ref: ObjectRef
) -> None:
    finalizers = Finalizers(client)
    await finalizers.add(ref, [])
    control_plane.kubectl("delete", "rolemigration", "minimal", "--wait=false", "-n", ref.namespace)
    assert stored(control_plane, ref.namespace)["metadata"]["deletionTimestamp"]
    await finalizers.remove(ref)
    with pytest.raises(NotFoundError):
        await RoleMigrations(client).get(ref.key)


# Rights


async def test_the_rights_of_deploy_base_are_enough_for_a_run(
    control_plane: ControlPlane, operator_kubeconfig: Path, ref: ObjectRef
) -> None:
    control_plane.kubectl("create", "secret", "generic", "db", "-n", ref.namespace)
    control_plane.kubectl("create", "configmap", "ca", "-n", ref.namespace)
    client = KubernetesClient.from_environment(kubeconfig=str(operator_kubeconfig))
    dropped: list[str] = []
    assert await cluster_uid(client)
    assert await RoleMigrations(client).served()
    assert len(await RoleMigrations(client).incarnations()) >= 1
    assert await SecretReader(client).read(ref.namespace, "db") == {}
    assert await SecretReader(client).read_config_map(ref.namespace, "ca") == {}
    await Finalizers(client).add(ref, [])
    await StatusPatch(client)(ref.key, ref.uid, {"phase": "Checking"})
    await Finalizers(client).remove(ref)
    recorder = EventRecorder(client, "roleshift.dev/operator", "pod-1", on_dropped=dropped.append)
    recorder.emit(ref, EventType.NORMAL, "Checking", "7 of 24 checks begin")
    await recorder.close()
    assert dropped == []
    gained, elector = asyncio.Event(), LeaderElector(client, OPERATOR_NAMESPACE, identity="a-test")
    task = asyncio.create_task(elector.run(_setting(gained), _setting(asyncio.Event())))
    await asyncio.wait_for(gained.wait(), 10)
    await asyncio.sleep(2.5)
    assert elector.leading
    task.cancel()
    await asyncio.wait({task})
    client.close()


def _setting(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def callback() -> None:
        event.set()

    return callback
