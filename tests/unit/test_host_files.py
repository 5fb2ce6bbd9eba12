"""What Linux's files say, from their texts; and pressure and load judged from made figures."""

from dataclasses import replace

import pytest

from roleshift.api.safety import CheckResult
from roleshift.checks.resources import disk_io
from roleshift.checks.subject import Subject
from roleshift.engine.facts.condition import ConditionFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import Facts
from roleshift.engine.facts.resources import CacheFacts, HostFacts, IOPressure, Load
from roleshift.engine.host_files import host_facts, io_pressure
from roleshift.errors import Reason
from support.run_phases import spec_of

MEMINFO = """MemTotal:       16384 kB
MemFree:         1024 kB
MemAvailable:    8192 kB
Buffers:          512 kB
HugePages_Total:       0
"""
GROUP = {
    "memory_max": "8388608\n",
    "memory_current": "6291456\n",
    "memory_stat": "anon 1\ninactive_file 2097152\n",
}
PRESSURE = """some avg10=1.00 avg60=41.50 avg300=0.12 total=104139816
full avg10=0.00 avg60=0.05 avg300=0.10 total=54427456
"""


def test_memory_is_what_the_machine_says() -> None:
    memory = host_facts({"meminfo": MEMINFO}).memory
    assert memory is not None
    assert (memory.total, memory.available, memory.free_percent) == (16 << 20, 8 << 20, 50)
    assert memory.source == "the server's /proc/meminfo"


def test_a_smaller_limit_of_the_control_group_counts_and_droppable_pages_are_available() -> None:
    memory = host_facts({"meminfo": MEMINFO, **GROUP}).memory
    assert memory is not None
    assert (memory.total, memory.available) == (8 << 20, 4 << 20)
    assert memory.source == "the memory limit of the server's control group"


@pytest.mark.parametrize("limit", ["max\n", "0\n", "", None, f"{64 << 20}\n"])
def test_no_limit_or_a_larger_one_does_not_count(limit: str | None) -> None:
    memory = host_facts({"meminfo": MEMINFO, **GROUP, "memory_max": limit}).memory
    assert memory is not None
    assert memory.total == 16 << 20


@pytest.mark.parametrize(("online", "cpus"), [("0\n", 1), ("0-1\n", 2), ("0-3,8\n", 5), ("0-7,16-23\n", 16)])
def test_processors_are_counted(online: str, cpus: int) -> None:
    assert host_facts({"loadavg": "0.10 0.37 0.85 2/118 6237\n", "cpus": online}).load == Load(0.1, cpus)


@pytest.mark.parametrize(
    "files", [{}, {"meminfo": "nothing", "loadavg": "", "cpus": ""}, {"loadavg": "0.1 0 0\n"}]
)
def test_files_that_are_missing_or_odd_say_nothing(files: dict[str, str | None]) -> None:
    assert host_facts(files) == HostFacts(None, None)


def test_pressure_is_that_of_the_last_minute() -> None:
    assert io_pressure(PRESSURE) == IOPressure(41.5)
    assert io_pressure("full avg10=0\n") is None
    assert io_pressure(None) is None


_FAILURE = ProbeFailure(Reason.DATABASE_ERROR, "Operation not supported")


@pytest.mark.parametrize(
    ("pressure", "cache", "limit", "result"),
    [
        (IOPressure(41.5), CacheFacts(0, 0), 42, CheckResult.PASSED),
        (IOPressure(42.0), CacheFacts(0, 0), 42, CheckResult.PASSED),
        (IOPressure(42.1), CacheFacts(0, 0), 42, CheckResult.FAILED),
        (IOPressure(0.0), CacheFacts(0, 1_000_000), 0, CheckResult.PASSED),
        (None, CacheFacts(0, 9_999), 0, CheckResult.PASSED),
        (None, CacheFacts(90_000, 10_000), 0, CheckResult.PASSED),
        (None, CacheFacts(89_999, 10_000), 0, CheckResult.WARNING),
        (_FAILURE, CacheFacts(89_999, 10_000), 0, CheckResult.WARNING),
        (_FAILURE, _FAILURE, 0, CheckResult.UNKNOWN),
    ],
)
def test_io_is_judged_by_pressure_and_else_by_the_cache(
    pressure: IOPressure | ProbeFailure | None,
    cache: CacheFacts | ProbeFailure,
    limit: int,
    result: CheckResult,
) -> None:
    nothing = Facts(server=_FAILURE, target=_FAILURE)
    condition = ConditionFacts(cache=cache, io_pressure=pressure)
    spec = spec_of(checks={"limits": {"maxIOPressurePercent": limit}})
    assert disk_io(Subject(spec, replace(nothing, condition=condition))).result is result
