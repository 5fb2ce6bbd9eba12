"""One run of kopf, which lists and watches RoleMigrations and passes on what it sees.

It decides nothing, writes nothing to the cluster and keeps no state; the
supervisor starts it again when it ends. It belongs to the main thread's loop.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import kopf

from roleshift.api import GROUP, PLURAL, VERSION
from roleshift.cluster.client import KubernetesClient
from roleshift.controller.inventory import EventKind, WatchEvent
from roleshift.controller.settings import Login, login, watcher_settings
from roleshift.telemetry.redaction import redactor

__all__ = ["EventKind", "Sink", "WatchEvent", "watch"]

Sink = Callable[[WatchEvent], None]

_LOGIN_SECONDS = 5.0


async def watch(
    sink: Sink,
    *,
    client: KubernetesClient,
    stop: asyncio.Event,
    namespaces: Sequence[str] = (),
    on_spawned: Callable[[], None] | None = None,
) -> None:
    """Runs kopf until `stop` is set; at its end it cancels all tasks of this loop that are younger than it.

    Args:
        sink: called in this loop with each event of each object; returns at once and doesn't raise.
        client: whose credentials kopf uses, read again after a 401.
        stop: ends the run.
        namespaces: the namespaces to watch; none means the whole cluster.
        on_spawned: called once kopf has put its own handlers for SIGINT and SIGTERM into place.

    Raises:
        Exception: whatever ended kopf's run, of kopf's own types.
    """
    already_there = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=_registry(sink, client),
        settings=watcher_settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=list(namespaces),
        stop_flag=stop,
    )
    if on_spawned is not None:
        on_spawned()
    await kopf.run_tasks(tasks, ignored=already_there)


def event_of(kind: str | None, body: dict[str, Any]) -> WatchEvent:
    """What an event of the watch stream says, without the bulky notes of who manages which field."""
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    deleted = EventKind.DELETED if kind == "DELETED" else EventKind.ADDED_OR_MODIFIED
    return WatchEvent(deleted, {**body, "metadata": metadata})


def _registry(sink: Sink, client: KubernetesClient) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry, backoff=_LOGIN_SECONDS)
    async def credentials(**_: Any) -> Login:
        await client.reload()
        fresh = login(await client.credentials())
        redactor.register(fresh.token or "")
        return fresh

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def seen(event: Any, **_: Any) -> None:
        sink(event_of(event["type"], event["object"]))

    return registry
