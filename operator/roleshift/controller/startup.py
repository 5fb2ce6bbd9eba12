"""Start-up and shutdown of the operator process: main thread for the watch, engine thread for the work."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import structlog

from roleshift import __version__
from roleshift.cluster.client import KubernetesClient
from roleshift.controller.engine_room import EngineRoom, LeaseOptions
from roleshift.controller.ports import HouseRules
from roleshift.controller.server import Heartbeat, ProbeServer
from roleshift.controller.supervisor import WatchSupervisor
from roleshift.errors import ClusterError
from roleshift.telemetry.logs import LogFormat, LogLevel, configure
from roleshift.telemetry.metrics import CONTENT_TYPE, Metrics

HEARTBEAT_SECONDS = 30.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """The flags of `roleshift operator`. Times are seconds.

    Attributes:
        namespaces: the namespaces to watch; none means all.
        metrics_port, health_port: 0 picks a free one.
        identity: who this operator is in the Lease and in ledgers.
        archive_directories: below which archives may be kept in files.
        health_interval: between two looks at a database's health.
        let_go_seconds: how long a deleted object waits for a database, Secret or store that is gone.
    """

    namespaces: tuple[str, ...]
    metrics_port: int
    health_port: int
    identity: str
    lease_namespace: str
    lease_duration: float
    lease_renew_deadline: float
    lease_retry_period: float
    health_interval: float
    archive_directories: tuple[Path, ...]
    let_go_seconds: float
    log_format: str
    log_level: str
    kubeconfig: str | None
    context: str | None


def run(options: OperatorOptions) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    configure(LogFormat(options.log_format), LogLevel(options.log_level))
    metrics = Metrics()
    try:
        client = KubernetesClient.from_environment(
            options.context, options.kubeconfig, on_request=metrics.api_request
        )
    except ClusterError as error:
        _log.error("no cluster", error=error.message)
        return 1
    try:
        return asyncio.run(_run(options, client, metrics))
    finally:
        client.close()


async def _run(options: OperatorOptions, client: KubernetesClient, metrics: Metrics) -> int:
    heartbeat = Heartbeat(HEARTBEAT_SECONDS)
    rules = HouseRules(options.archive_directories, options.let_go_seconds)
    room = EngineRoom(client, metrics, _lease(options), heartbeat, rules)
    watch = WatchSupervisor(client, room.dispatcher.put, namespaces=options.namespaces)
    server = ProbeServer(
        metrics=metrics.render,
        metrics_type=CONTENT_TYPE,
        healthy=heartbeat.verdict,
        ready=lambda: "" if watch.synced else "the objects have not been listed yet",
    )
    try:
        await server.start(options.metrics_port, options.health_port)
    except OSError as error:
        _log.error("port not free", error=os.strerror(error.errno or 0))
        return 1
    _log.info("operator starts", version=__version__, identity=options.identity)
    room.start()
    try:
        await watch.run(asyncio.Event())
    finally:
        await asyncio.to_thread(room.stop)
        await server.close()
    _log.info("operator ended")
    return 0


def _lease(options: OperatorOptions) -> LeaseOptions:
    return LeaseOptions(
        namespace=options.lease_namespace,
        identity=options.identity,
        duration=options.lease_duration,
        renew_deadline=options.lease_renew_deadline,
        retry_period=options.lease_retry_period,
    )
