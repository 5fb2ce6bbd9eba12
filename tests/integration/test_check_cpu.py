"""CPU: by the pods' metrics, else by the server's /proc where the role may read it; else Unknown."""

import re
from typing import Any

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from roleshift.engine.facts.resources import HostFacts
from support.containers import container, seen
from support.examinations import JUDGED, judgement, look, only_fallen
from support.run_phases import spec_of
from support.tables import create_user_profiles

NAME = CheckName.CPU


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 8)
    return database


def limited_to(load: float) -> dict[str, object]:
    return {"checks": {"limits": {"maxLoadPerCPU": load, "minFreeMemoryPercent": 0}}}


async def test_a_plain_role_is_told_what_would_make_it_answer(profiles: Database) -> None:
    said = judgement(await look(profiles), NAME)
    assert said.result is CheckResult.UNKNOWN
    assert "name the database's pods in spec.connection.podSelector" in said.message


class TestTheServersOwnFiles:
    async def test_the_load_and_the_processors_are_read(self, profiles: Database) -> None:
        spec = spec_of(privileges=JUDGED, **limited_to(1000))
        found = await look(profiles, spec, uri=profiles.admin_uri)
        said = judgement(found, NAME)
        assert said.result is CheckResult.PASSED
        measured, _, source = said.message.partition(", by ")
        assert re.fullmatch(r"load [0-9.]+ on \d+ processors \([0-9.]+ for each\)", measured)
        assert source == "the server's /proc/loadavg (limit 1000)"

    async def test_too_much_falls_and_may_heal(self, profiles: Database) -> None:
        spec = spec_of(privileges=JUDGED, **limited_to(0.01))
        found = await look(profiles, spec, uri=profiles.admin_uri)
        host = found.facts.condition.host
        assert isinstance(host, HostFacts)
        assert host.load is not None
        if host.load.average <= 0.01 * host.load.cpus:
            assert judgement(found, NAME).result is CheckResult.PASSED
            return
        said = only_fallen(found, NAME)
        assert "more than maxLoadPerCPU 0.01" in said.message
        assert said.healing is Healing.BY_ITSELF


class TestPods:
    @pytest.mark.parametrize(
        ("changes", "limit", "result", "says"),
        [
            (
                {"cpus": 0.5, "cpu_limit": 2.0},
                2.0,
                CheckResult.PASSED,
                "0.50 processors in use of a limit of 2 ",
            ),
            ({"cpus": 3.0, "cpu_request": 2.0}, 1.5, CheckResult.PASSED, "of a request of 2 (1.50 for each)"),
            ({"cpus": 3.1, "cpu_request": 2.0}, 1.5, CheckResult.FAILED, "more than maxLoadPerCPU 1.5"),
            (
                {"cpus": 1.0, "cpu_limit": 2.0},
                0.4,
                CheckResult.FAILED,
                "by the metrics API for people-1/postgres",
            ),
            ({"cpus": 1.95, "cpu_limit": 2.0}, 2.0, CheckResult.WARNING, "it is held at its limit"),
            ({"cpus": 1.0}, 2.0, CheckResult.UNKNOWN, "neither limit nor request for processors"),
        ],
    )
    async def test_usage_is_judged_for_each_processor(
        self,
        profiles: Database,
        changes: dict[str, Any],
        limit: float,
        result: CheckResult,
        says: str,
    ) -> None:
        spec = spec_of(privileges=JUDGED, **limited_to(limit))
        said = judgement(await look(profiles, spec, surroundings=seen(container(**changes))), NAME)
        assert (said.result, says in said.message) == (result, True), said.message
