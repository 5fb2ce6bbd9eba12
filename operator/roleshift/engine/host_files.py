"""Reads what Linux's own files say: /proc and the control group's. Text in, figures out."""

import re

from roleshift.engine.facts.resources import HostFacts, IOPressure, Load, Memory

_KIB = 1024
_PRESSURE = re.compile(r"^some .*\bavg60=([0-9.]+)", re.MULTILINE)


def host_facts(files: dict[str, str | None]) -> HostFacts:
    """Memory and load from the files' texts, by the names of `probes/host.sql`; None for a missing file.

    A limit of the control group below the machine's memory is what counts for the server.
    """
    machine, group = _machine(files.get("meminfo")), _group(files)
    smaller = group is not None and (machine is None or group.total < machine.total)
    return HostFacts(
        memory=group if smaller else machine, load=_load(files.get("loadavg"), files.get("cpus"))
    )


def io_pressure(text: str | None) -> IOPressure | None:
    """The last minute's share of time in which some process stood still for I/O."""
    found = _PRESSURE.search(text or "")
    return IOPressure(float(found.group(1))) if found else None


def _machine(meminfo: str | None) -> Memory | None:
    figures = dict(re.findall(r"^(\w+):\s+(\d+) kB$", meminfo or "", re.MULTILINE))
    if "MemTotal" not in figures or "MemAvailable" not in figures or not int(figures["MemTotal"]):
        return None
    return Memory(
        int(figures["MemTotal"]) * _KIB, int(figures["MemAvailable"]) * _KIB, "the server's /proc/meminfo"
    )


def _group(files: dict[str, str | None]) -> Memory | None:
    """Version 2 of control groups; what the kernel can drop of the page cache counts as available."""
    limit, used = (files.get(name) or "" for name in ("memory_max", "memory_current"))
    if not limit.strip().isdecimal() or not used.strip().isdecimal() or not int(limit):
        return None
    found = re.search(r"^inactive_file (\d+)$", files.get("memory_stat") or "", re.MULTILINE)
    droppable = int(found.group(1)) if found else 0
    available = int(limit) - max(0, int(used) - droppable)
    return Memory(int(limit), max(0, available), "the memory limit of the server's control group")


def _load(loadavg: str | None, cpus: str | None) -> Load | None:
    average = re.match(r"([0-9.]+) ", loadavg or "")
    count = _counted(cpus or "")
    return Load(float(average.group(1)), count) if average and count else None


def _counted(ranges: str) -> int:
    """How many numbers a list like `0-3,8` names."""
    pairs = re.findall(r"(\d+)(?:-(\d+))?", ranges)
    return sum(int(last or first) - int(first) + 1 for first, last in pairs)
