"""What a worker needs from the world outside the database; a Job could give it the same."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from roleshift.api import RoleMigrationStatus
from roleshift.cluster.events import EventType
from roleshift.cluster.status_writer import Urgency
from roleshift.engine.facts.resources import PodFacts
from roleshift.engine.identity import ObjectKey, ObjectRef
from roleshift.telemetry.metrics import Metrics


class Inbox(Protocol):
    """Where the newest state of one object is read; `slots` is held while working."""

    @property
    def slots(self) -> AbstractAsyncContextManager[None]:
        """Held while working, never while waiting."""

    @property
    def latest(self) -> Mapping[str, Any]:
        """The newest body; reading it makes `wait_change` wait again."""

    def overtaken(self) -> Sequence[Mapping[str, Any]]:
        """Bodies that asked for something else and were replaced before this call; each is told once."""

    @property
    def deleted(self) -> bool:
        """Whether the object is gone."""

    @property
    def unread(self) -> bool:
        """Whether there is something new."""

    async def wait_change(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - a result, no failure
        """Wait until there is something new; False when `timeout` seconds are over."""


class Secrets(Protocol):
    """Reads Secrets and ConfigMaps of a namespace."""

    async def read(self, namespace: str, name: str) -> dict[str, bytes]:
        """The data of a Secret."""

    async def read_config_map(self, namespace: str, name: str) -> dict[str, bytes]:
        """The data of a ConfigMap."""


class Pods(Protocol):
    """Reads what pods use."""

    async def read(self, namespace: str, labels: Mapping[str, str]) -> PodFacts:
        """The running containers of the pods that carry the labels."""


class Guard(Protocol):
    """Keeps an object from going away while its run is active."""

    async def add(self, ref: ObjectRef, present: Sequence[str] | None = None) -> str:
        """Add the finalizer if the object has not changed since."""

    async def remove(self, ref: ObjectRef) -> None:
        """Remove the finalizer."""


class Reports(Protocol):
    """Keeps the reports of runs in the cluster."""

    async def write(self, ref: ObjectRef, text: str) -> None:
        """Write the report of an object; raises ReportTakenError where its place is somebody else's."""


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What whoever started the operator has decided for every object.

    Attributes:
        archive_directories: below which an archive may be kept in files.
        let_go_seconds: how long a deleted object waits for a database, Secret or store that is gone.
    """

    archive_directories: tuple[Path, ...] = ()
    let_go_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world of a worker.

    Attributes:
        cluster_uid: tells clusters apart in ledgers.
        holder: who works, for people who read the ledger.
        run_of: the runID in the status of an object as the API server has it now, None where there is none.
        freeze: writes a status at once if the spec still has that generation; raises ConflictError
            where it has not. From that status on the API server lets nobody change what a run is.
    """

    secrets: Secrets
    pods: Pods
    guard: Guard
    publish: Callable[[ObjectKey, str, RoleMigrationStatus, Urgency], None]
    freeze: Callable[[ObjectKey, str, int, RoleMigrationStatus], Awaitable[None]]
    emit: Callable[[ObjectRef, EventType, str, str], None]
    metrics: Metrics
    cluster_uid: str
    holder: str
    now: Callable[[], datetime]
    reports: Reports
    run_of: Callable[[ObjectKey], Awaitable[str | None]]
    rules: HouseRules = HouseRules()
