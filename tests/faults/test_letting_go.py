"""An object that is deleted while its database is gone: it is kept for a time, and then let go."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from localenv.api import ApiError
from localenv.controlplane import ControlPlane
from roleshift.cluster.client import KubernetesClient
from roleshift.cluster.events import EventType
from roleshift.cluster.finalizer import FINALIZER, Finalizers
from roleshift.cluster.pod_metrics import PodMetricsReader
from roleshift.cluster.reports import Reports
from roleshift.cluster.secrets import SecretReader
from roleshift.controller.mailbox import Mailbox
from roleshift.controller.ports import HouseRules, Ports
from roleshift.controller.worker import MigrationWorker
from roleshift.engine.identity import ObjectKey, ObjectRef
from roleshift.telemetry.metrics import Metrics
from support.migrations import Migration

RUN = "00000000-0000-4000-8000-000000000001"
LOOKS = "roleshift_reconcile_seconds_count"
TWICE = 2
SECONDS = 30
NOBODY = "postgresql://nobody:secret@127.0.0.1:1/people"


@pytest.fixture
def deleted(control_plane: ControlPlane, namespace: str) -> Migration:
    """An object whose run was under way when it was deleted; nobody answers where its database was."""
    migration = Migration(control_plane, namespace)
    migration.secret(NOBODY)
    migration.apply()
    held = {"metadata": {"finalizers": [FINALIZER]}}
    control_plane.api.request("PATCH", migration.path, held, "application/merge-patch+json")
    status = {"status": {"phase": "Migrating", "runID": RUN, "observedGeneration": 1}}
    control_plane.api.request("PATCH", f"{migration.path}/status", status, "application/merge-patch+json")
    migration.delete()
    return migration


async def worked_on(deleted: Migration, let_go_seconds: float) -> list[tuple[Any, ...]]:
    """Let a worker look at the object until it has let it go, or twice; the events that it emitted."""
    told: list[tuple[Any, ...]] = []

    async def never(*_: Any) -> None:
        raise AssertionError("no spec is frozen without a database")

    metrics = Metrics()
    client = KubernetesClient.from_environment(kubeconfig=str(deleted.control_plane.kubeconfig), timeout=10)
    ports = Ports(
        secrets=SecretReader(client),
        pods=PodMetricsReader(client),
        guard=Finalizers(client),
        publish=lambda *_: None,
        freeze=never,
        emit=lambda *event: told.append(event),
        metrics=metrics,
        cluster_uid="cluster",
        holder="test",
        now=lambda: datetime.now(UTC),
        reports=Reports(client),
        run_of=never,
        rules=HouseRules(let_go_seconds=let_go_seconds),
    )
    key = ObjectKey(deleted.namespace, deleted.name)
    worker = MigrationWorker(ports, Mailbox(key, deleted.read(), asyncio.Semaphore()))
    working = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(SECONDS):
            while not (working.done() or (metrics.registry.get_sample_value(LOOKS) or 0) >= TWICE):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        working.cancel()
        await asyncio.wait({working})
        client.close()
    return told


async def test_a_deleted_object_is_kept_while_its_database_may_come_back(deleted: Migration) -> None:
    told = await worked_on(deleted, SECONDS)
    assert deleted.read()["metadata"]["finalizers"] == [FINALIZER]
    assert {reason for _, _, reason, _ in told} == {"ServerUnreachable"}


async def test_a_deleted_object_is_let_go_when_its_database_stays_away(deleted: Migration) -> None:
    told = await worked_on(deleted, 0.5)
    with pytest.raises(ApiError, match="404"):
        deleted.read()
    ref, kind, reason, message = told[-1]
    assert isinstance(ref, ObjectRef)
    assert (kind, reason) == (EventType.WARNING, "ServerUnreachable")
    assert RUN in message
    assert "apply the same manifest again" in message
    assert "secret" not in message


async def test_a_deleted_object_is_let_go_when_its_secret_stays_away(deleted: Migration) -> None:
    deleted.kubectl("delete", "secret", "people-db")
    told = await worked_on(deleted, 0.5)
    with pytest.raises(ApiError, match="404"):
        deleted.read()
    assert told[-1][2] == "SecretNotFound"
