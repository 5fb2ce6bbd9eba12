"""The status writer on a real RoleMigration."""

import asyncio
from typing import Any

import pytest

from localenv.controlplane import ControlPlane
from roleshift.cluster.client import KubernetesClient
from roleshift.cluster.status_writer import StatusPatch, StatusWriter, Urgency
from roleshift.engine.identity import ObjectKey, ObjectRef
from roleshift.errors import ClusterError
from support.minimal_object import MINIMAL, stored


@pytest.fixture
def key(ref: ObjectRef) -> ObjectKey:
    return ref.key


def uid(control_plane: ControlPlane, key: ObjectKey) -> str:
    return str(stored(control_plane, key.namespace)["metadata"]["uid"])


def status(phase: str, done: int = 0) -> dict[str, Any]:
    progress = {"rowsTotal": 100, "rowsProcessed": done, "percent": done}
    return {"observedGeneration": 1, "phase": phase, "progress": progress}


async def test_a_status_replaces_the_one_before_and_leaves_the_spec(
    control_plane: ControlPlane, client: KubernetesClient, key: ObjectKey
) -> None:
    seconds: list[float] = []
    writer = StatusWriter(StatusPatch(client), on_written=seconds.append)
    before = stored(control_plane, key.namespace)
    writer.publish(key, before["metadata"]["uid"], status("Migrating", 61), Urgency.NOW)
    await writer.flush(key)
    writer.publish(key, before["metadata"]["uid"], {"observedGeneration": 1, "phase": "Done"}, Urgency.NOW)
    await writer.close()
    after = stored(control_plane, key.namespace)
    assert after["status"] == {"observedGeneration": 1, "phase": "Done"}
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert len(seconds) == 2


async def test_many_are_published_and_few_are_written_and_the_last_stands(
    control_plane: ControlPlane, client: KubernetesClient, key: ObjectKey
) -> None:
    writes: list[float] = []
    writer = StatusWriter(StatusPatch(client), interval=0.3, on_written=writes.append)
    this, clock = uid(control_plane, key), asyncio.get_running_loop().time
    started = clock()
    for done in range(100):
        writer.publish(key, this, status("Migrating", done))
        await asyncio.sleep(0.01)
    await writer.flush(key)
    assert stored(control_plane, key.namespace)["status"]["progress"]["percent"] == 99
    assert 2 <= len(writes) <= (clock() - started) / 0.3 + 2
    await writer.close()


async def test_a_status_never_reaches_a_successor_of_the_same_name(
    control_plane: ControlPlane, client: KubernetesClient, key: ObjectKey
) -> None:
    failures: list[ClusterError] = []
    writer = StatusWriter(StatusPatch(client), on_failed=failures.append)
    old = uid(control_plane, key)
    control_plane.kubectl("delete", "rolemigration", key.name, "-n", key.namespace)
    control_plane.apply(MINIMAL, key.namespace)
    untouched = stored(control_plane, key.namespace).get("status")
    writer.publish(key, old, status("Done"), Urgency.NOW)
    await writer.flush(key)
    assert stored(control_plane, key.namespace).get("status") == untouched
    assert [type(error).__name__ for error in failures] == ["ObjectGoneError"]
    writer.publish(key, uid(control_plane, key), status("Checking"), Urgency.NOW)
    await writer.close()
    assert stored(control_plane, key.namespace)["status"]["phase"] == "Checking"


async def test_nothing_is_sent_for_an_object_that_is_gone(
    control_plane: ControlPlane, client: KubernetesClient, key: ObjectKey
) -> None:
    failures: list[ClusterError] = []
    writer = StatusWriter(StatusPatch(client), on_failed=failures.append)
    old = uid(control_plane, key)
    control_plane.kubectl("delete", "rolemigration", key.name, "-n", key.namespace)
    for done in range(3):
        writer.publish(key, old, status("Migrating", done), Urgency.NOW)
        await writer.flush(key)
    await writer.close()
    assert [type(error).__name__ for error in failures] == ["ObjectGoneError"]


async def test_a_status_that_the_schema_refuses_is_reported_and_given_up(
    control_plane: ControlPlane, client: KubernetesClient, key: ObjectKey
) -> None:
    failures: list[ClusterError] = []
    writer = StatusWriter(StatusPatch(client), on_failed=failures.append)
    writer.publish(key, uid(control_plane, key), status("Sleeping"), Urgency.NOW)
    await writer.flush(key)
    writer.publish(key, uid(control_plane, key), status("Checking"), Urgency.NOW)
    await writer.close()
    assert stored(control_plane, key.namespace)["status"]["phase"] == "Checking"
    assert [type(error).__name__ for error in failures] == ["InvalidError"]
    assert "status.phase" in failures[0].message


async def test_an_api_server_that_is_away_delays_the_newest_status_only(
    control_plane: ControlPlane, client: KubernetesClient, key: ObjectKey
) -> None:
    failures: list[ClusterError] = []
    writer = StatusWriter(StatusPatch(client), on_failed=failures.append)
    this = uid(control_plane, key)
    control_plane.stop_api()
    writer.publish(key, this, status("BackingUp"), Urgency.NOW)
    await asyncio.sleep(1)
    writer.publish(key, this, status("Migrating"), Urgency.NOW)
    await asyncio.to_thread(control_plane.restart_api)
    await asyncio.wait_for(writer.flush(key), 45)
    assert failures
    assert stored(control_plane, key.namespace)["status"]["phase"] == "Migrating"
    await writer.close()


async def test_two_hundred_objects_share_the_bucket_and_no_request_is_refused(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str
) -> None:
    path = f"/apis/roleshift.dev/v1alpha1/namespaces/{namespace}/rolemigrations"
    control_plane.apply(MINIMAL, namespace)
    body = stored(control_plane, namespace)
    created = {}
    for number in range(200):
        name = f"m{number}"
        made = control_plane.api.request("POST", path, {**body, "metadata": {"name": name}})
        created[ObjectKey(namespace, name)] = made["metadata"]["uid"]
    failures: list[ClusterError] = []
    writer = StatusWriter(StatusPatch(client), on_failed=failures.append)
    started = asyncio.get_running_loop().time()
    for one, this in created.items():
        writer.publish(one, this, status("Checking"), Urgency.NOW)
    await asyncio.gather(*(writer.flush(one) for one in created))
    assert asyncio.get_running_loop().time() - started >= 1.9
    assert failures == []
    phases = [item["status"]["phase"] for item in control_plane.api.request("GET", path)["items"]]
    assert phases.count("Checking") == 200
    await writer.close()
