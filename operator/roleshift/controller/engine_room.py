"""The engine's thread: its loop, the Lease, the workers and what they write through.

kopf runs in the main thread and cancels what started after it in its own loop,
so everything that must outlive a watch lives here.
"""

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from roleshift.api import RoleMigrationStatus
from roleshift.cluster.client import KubernetesClient
from roleshift.cluster.events import EventRecorder
from roleshift.cluster.finalizer import Finalizers
from roleshift.cluster.identity import cluster_uid
from roleshift.cluster.lease import LeaderElector
from roleshift.cluster.migrations import RoleMigrations
from roleshift.cluster.pod_metrics import PodMetricsReader
from roleshift.cluster.reports import Reports
from roleshift.cluster.secrets import SecretReader
from roleshift.cluster.status_writer import StatusPatch, StatusWriter, Urgency
from roleshift.controller.dispatcher import Dispatcher
from roleshift.controller.mailbox import Mailbox
from roleshift.controller.pauses import growing
from roleshift.controller.ports import HouseRules, Ports
from roleshift.controller.server import Heartbeat
from roleshift.controller.worker import MigrationWorker
from roleshift.engine.identity import ObjectKey
from roleshift.errors import ClusterError
from roleshift.telemetry.metrics import Metrics
from roleshift.telemetry.redaction import redactor

COMPONENT = "roleshift.dev/operator"
_STOP_SECONDS = 30.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseOptions:
    """Where the Lease is, who asks for it, and its times in seconds."""

    namespace: str
    identity: str
    duration: float
    renew_deadline: float
    retry_period: float


class EngineRoom:
    """Runs the engine's loop in a thread of its own, from `start` to `stop`."""

    def __init__(
        self,
        client: KubernetesClient,
        metrics: Metrics,
        lease: LeaseOptions,
        heartbeat: Heartbeat,
        rules: HouseRules,
    ) -> None:
        """Prepare; nothing runs yet."""
        self._client = client
        self._metrics = metrics
        self._lease = lease
        self._heartbeat = heartbeat
        self._rules = rules
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="engine")
        self._ports: Ports | None = None
        self._elector = LeaderElector(
            client,
            lease.namespace,
            identity=lease.identity,
            lease_seconds=lease.duration,
            renew_seconds=lease.renew_deadline,
            retry_seconds=lease.retry_period,
        )
        self.dispatcher = Dispatcher(
            self._work, loop=self._loop, on_forgotten=self._forget, on_failure=self._count_failure
        )
        self._patch = StatusPatch(client)
        self._status = StatusWriter(self._patch, on_written=metrics.status_written)

    def start(self) -> None:
        """Start the thread; workers begin when the Lease is gained."""
        self._metrics.queue_depth_from(self.dispatcher.depth)
        self._thread.start()

    def stop(self) -> None:
        """Stop the workers, write what is pending, give the Lease back, end the thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._metrics.leader_from(lambda: self._elector.leading)
        tasks = [
            asyncio.create_task(self._heartbeat.keep_beating(), name="heartbeat"),
            asyncio.create_task(self._take_part(), name="lease"),
        ]
        await self._stopping.wait()
        await self.dispatcher.stop_all()
        await self._status.close()
        for task in reversed(tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _take_part(self) -> None:
        events = EventRecorder(self._client, COMPONENT, self._lease.identity)
        self._ports = Ports(
            secrets=SecretReader(self._client, on_secret=redactor.register_entry),
            pods=PodMetricsReader(self._client),
            guard=Finalizers(self._client),
            publish=self._publish,
            freeze=self._freeze,
            emit=events.emit,
            metrics=self._metrics,
            cluster_uid=await self._identified(),
            holder=self._lease.identity,
            now=lambda: datetime.now(UTC),
            reports=Reports(self._client),
            run_of=RoleMigrations(self._client).run_of,
            rules=self._rules,
        )
        try:
            await self._elector.run(self.dispatcher.start_all, self.dispatcher.stop_all)
        finally:
            await events.close()

    async def _identified(self) -> str:
        """The cluster's UID; asked for until the API server answers, because no run can begin without."""
        pauses = growing(1.0, 30.0)
        while True:
            try:
                return await cluster_uid(self._client)
            except ClusterError as error:
                _log.warning("cluster not identified", error=error.message)
                await asyncio.sleep(next(pauses))

    async def _work(self, key: ObjectKey, mailbox: Mailbox) -> float | None:
        assert self._ports is not None, "workers begin only with the Lease"
        self._status.prime(key, mailbox.uid, mailbox.latest.get("status", {}))
        return await MigrationWorker(self._ports, mailbox).run()

    def _publish(self, key: ObjectKey, uid: str, status: RoleMigrationStatus, urgency: Urgency) -> None:
        """What a leader that was replaced while it stood still wants to say is old."""
        if self._elector.leading:
            self._status.publish(key, uid, status.dump(), urgency)

    async def _freeze(self, key: ObjectKey, uid: str, generation: int, status: RoleMigrationStatus) -> None:
        await self._status.flush(key)
        await self._patch.of_generation(key, uid, generation, status.dump())
        self._status.prime(key, uid, status.dump())

    def _forget(self, key: ObjectKey) -> None:
        self._status.forget(key)
        self._metrics.forget(key)

    def _count_failure(self, _key: ObjectKey, _error: Exception) -> None:
        self._metrics.reconciled("Failed", 0.0)
