"""Memory, processors and I/O: what pods, the server's own files and PostgreSQL's statistics tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """One container of a database pod, as the metrics API measured it.

    Attributes:
        memory_bytes: the working set; what the kernel can drop is not in it.
        memory_limit: bytes; None where the container has no limit.
        cpus: processors in use, over the metrics API's window.
        cpu_limit, cpu_request: processors; None where the container has none.
    """

    pod: str
    container: str
    memory_bytes: int
    memory_limit: int | None
    cpus: float
    cpu_limit: float | None
    cpu_request: float | None
    measured: datetime

    @property
    def name(self) -> str:
        """`pod/container`, for people."""
        return f"{self.pod}/{self.container}"


@dataclass(frozen=True, slots=True)
class PodFacts:
    """Running containers of the pods that spec.connection.podSelector selects; at least one."""

    containers: Sequence[ContainerUsage]


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of the machine or of the container that the server runs in, in bytes.

    Attributes:
        source: where the figures come from, for people.
    """

    total: int
    available: int
    source: str

    @property
    def free_percent(self) -> float:
        """What is available, in percent of all."""
        return 100 * self.available / self.total


@dataclass(frozen=True, slots=True)
class Load:
    """Load average of the last minute, and the processors of the machine."""

    average: float
    cpus: int


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What the server's own files tell; None where one is missing or does not say it."""

    memory: Memory | None
    load: Load | None


@dataclass(frozen=True, slots=True)
class IOPressure:
    """Time in which some process stood still for I/O over the last minute, in percent."""

    percent: float


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """Blocks that the database looked for in shared buffers since its statistics began."""

    hits: int
    reads: int

    @property
    def hit_percent(self) -> float:
        """Blocks that were found there, in percent; 100 where none was looked for."""
        looked_for = self.hits + self.reads
        return 100 * self.hits / looked_for if looked_for else 100.0
