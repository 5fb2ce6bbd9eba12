"""Checks on memory, processors and I/O, from the first source that answers; messages name it.

The sources: the metrics API for the pods of spec.connection.podSelector; the server's own files where the
run's role may read them already; PostgreSQL's statistics. A source that does not answer says why.
"""

from dataclasses import dataclass
from datetime import datetime

from roleshift.checks.subject import Subject, could_not_tell
from roleshift.engine.amounts import amount
from roleshift.engine.checks import Healing, Judgement, failed, passed, unknown, warning
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.resources import ContainerUsage, HostFacts, IOPressure, Memory
from roleshift.errors import Reason

STALE_SECONDS = 300.0
"""Older figures of the metrics API say nothing of now; it measures every 15 to 60 seconds."""
BUSY_SHARE = 0.95
"""Of its limit: a container that uses more is throttled, and how much it would use can't be seen."""
FEWEST_READS = 10_000
"""Blocks (80 MB) that were read since the statistics began; fewer say nothing about the cache."""
POOR_HIT_PERCENT = 90.0

_WAIT = "or wait: the check is made again"


@dataclass(frozen=True, slots=True)
class _Silent:
    """Why a source did not answer."""

    why: str


_NO_PODS = _Silent(
    "no pods are named: name the database's pods in spec.connection.podSelector and install the metrics API"
)


# Memory


def memory(subject: Subject) -> Judgement:
    """Enough memory is free, in the worst of the pods or on the server's machine."""
    found = _memory_of_pods(subject)
    if isinstance(found, Memory):
        return _judged_memory(subject, found)
    host = _memory_of_host(subject)
    if isinstance(host, Memory):
        return _judged_memory(subject, host, found)
    return unknown(f"not known: {found.why}; {host.why}", healing=Healing.BY_A_PERSON)


def _judged_memory(subject: Subject, found: Memory, skipped: _Silent | None = None) -> Judgement:
    limit = subject.spec.checks.limits.min_free_memory_percent
    measured = (
        f"{amount(found.available)} of {amount(found.total)} free ({found.free_percent:.0f} %), "
        f"by {found.source}{_because(skipped)}"
    )
    if found.free_percent < limit:
        return failed(
            f"{measured}; less than minFreeMemoryPercent {limit}: end what needs it, give the server more, "
            f"{_WAIT}",
            Reason.CHECKS_WAITING,
            Healing.BY_ITSELF,
        )
    return passed(f"{measured} (limit {limit} %)")


def _memory_of_pods(subject: Subject) -> Memory | _Silent:
    containers = _containers(subject)
    if isinstance(containers, _Silent):
        return containers
    limited = [
        Memory(
            one.memory_limit, max(0, one.memory_limit - one.memory_bytes), f"the metrics API for {one.name}"
        )
        for one in containers
        if one.memory_limit
    ]
    if not limited:
        return _Silent("the pods have no memory limit")
    return min(limited, key=lambda one: one.free_percent)


def _memory_of_host(subject: Subject) -> Memory | _Silent:
    host = _host(subject)
    if isinstance(host, _Silent):
        return host
    return host.memory or _Silent("the server has no /proc/meminfo")


# CPU


def cpu(subject: Subject) -> Judgement:
    """The load for each processor is within its limit."""
    busiest = _busiest(subject)
    if isinstance(busiest, ContainerUsage):
        return _judged_container(subject, busiest)
    host = _host(subject)
    if isinstance(host, HostFacts):
        if host.load is not None:
            per_cpu = host.load.average / host.load.cpus
            source = f"the server's /proc/loadavg{_because(busiest)}"
            text = f"load {host.load.average:.2f} on {host.load.cpus} processors"
            return _judged_load(subject, per_cpu, f"{text} ({per_cpu:.2f} for each), by {source}")
        host = _Silent("the server has no /proc/loadavg")
    return unknown(f"not known: {busiest.why}; {host.why}", healing=Healing.BY_A_PERSON)


def _judged_container(subject: Subject, one: ContainerUsage) -> Judgement:
    cpus = _cpus(one)
    share = one.cpus / cpus
    kind = "limit" if one.cpu_limit else "request"
    measured = (
        f"{one.cpus:.2f} processors in use of a {kind} of {cpus:g} ({share:.2f} for each), "
        f"by the metrics API for {one.name}"
    )
    judged = _judged_load(subject, share, measured)
    if one.cpu_limit and share >= BUSY_SHARE and judged.result == "Passed":
        return warning(f"{measured}; it is held at its limit, and what it would use can't be seen: raise it")
    return judged


def _judged_load(subject: Subject, per_cpu: float, measured: str) -> Judgement:
    limit = subject.spec.checks.limits.max_load_per_cpu
    if per_cpu > limit:
        return failed(
            f"{measured}; more than maxLoadPerCPU {limit:g}: end what needs them, {_WAIT}",
            Reason.CHECKS_WAITING,
            Healing.BY_ITSELF,
        )
    return passed(f"{measured} (limit {limit:g})")


def _busiest(subject: Subject) -> ContainerUsage | _Silent:
    containers = _containers(subject)
    if isinstance(containers, _Silent):
        return containers
    sized = [one for one in containers if _cpus(one) > 0]
    if not sized:
        return _Silent("the pods have neither limit nor request for processors")
    return max(sized, key=lambda one: one.cpus / _cpus(one))


def _cpus(one: ContainerUsage) -> float:
    return one.cpu_limit or one.cpu_request or 0.0


# DiskIO


def disk_io(subject: Subject) -> Judgement:
    """Nobody stands still for I/O; where that can't be seen, blocks are found in shared buffers."""
    pressure = subject.facts.condition.io_pressure
    if isinstance(pressure, IOPressure):
        return _judged_pressure(subject, pressure)
    return _judged_cache(subject, _why_no_pressure(pressure))


def _judged_pressure(subject: Subject, found: IOPressure) -> Judgement:
    limit = subject.spec.checks.limits.max_io_pressure_percent
    measured = f"processes stood still for I/O in {found.percent:.1f} % of the last minute, by the server's "
    measured += "/proc/pressure/io"
    if found.percent > limit:
        return failed(
            f"{measured}; more than maxIOPressurePercent {limit}: end what reads and writes, {_WAIT}",
            Reason.CHECKS_WAITING,
            Healing.BY_ITSELF,
        )
    return passed(f"{measured} (limit {limit} %)")


def _judged_cache(subject: Subject, skipped: str) -> Judgement:
    cache = subject.facts.condition.cache
    if isinstance(cache, ProbeFailure):
        return could_not_tell(cache)
    if cache.reads < FEWEST_READS:
        return passed(
            f"only {cache.reads} blocks were read since the statistics began, too few to judge, by "
            f"pg_stat_database ({skipped})"
        )
    measured = (
        f"{cache.hit_percent:.1f} % of {cache.hits + cache.reads} blocks were found in shared buffers since "
        f"the statistics began, by pg_stat_database ({skipped})"
    )
    if cache.hit_percent < POOR_HIT_PERCENT:
        return warning(
            f"{measured}; less than {POOR_HIT_PERCENT:g} %: the run will wait for the disk; raise "
            "shared_buffers, or run when less is read"
        )
    return passed(f"{measured} (limit {POOR_HIT_PERCENT:g} %)")


def _why_no_pressure(pressure: ProbeFailure | None) -> str:
    return "/proc/pressure/io can't be read through this session" if pressure is None else pressure.message


# The sources


def _containers(subject: Subject) -> list[ContainerUsage] | _Silent:
    """What the metrics API told of the pods, if it is fresh."""
    around = subject.facts.surroundings
    pods = around.pods if around else None
    if around is None or pods is None:
        return _NO_PODS
    if isinstance(pods, ProbeFailure):
        return _Silent(pods.message)
    fresh = [one for one in pods.containers if _age(one, around.now) <= STALE_SECONDS]
    if not fresh:
        return _Silent(f"the metrics API's figures are older than {STALE_SECONDS:.0f} s")
    return fresh


def _age(one: ContainerUsage, now: datetime) -> float:
    return (now - one.measured).total_seconds()


def _host(subject: Subject) -> HostFacts | _Silent:
    host = subject.facts.condition.host
    if host is None:
        return _Silent("the server's /proc can't be read through this session")
    return _Silent(host.message) if isinstance(host, ProbeFailure) else host


def _because(skipped: _Silent | None) -> str:
    """Why an earlier source did not answer, where one was named."""
    return "" if skipped is None or skipped is _NO_PODS else f" ({skipped.why})"
