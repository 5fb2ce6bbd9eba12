"""Memory: by the pods' metrics, else by the server's /proc where the role may read it; else Unknown."""

import re
from datetime import timedelta

import pytest
from psycopg import sql

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Healing
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.errors import Reason
from support.containers import NOW, container, seen
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.run_phases import spec_of
from support.tables import create_user_profiles

NAME = CheckName.MEMORY
GIB = 1 << 30


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 8)
    return database


def demanding(percent: int) -> dict[str, object]:
    return {"checks": {"limits": {"minFreeMemoryPercent": percent, "maxLoadPerCPU": 1000}}}


def let_read_files(database: Database) -> None:
    """Give the owner what nobody is asked to give: the right to read the server's files."""
    for grant in (
        "GRANT EXECUTE ON FUNCTION pg_read_file(text, bigint, bigint, boolean) TO {}",
        "GRANT pg_read_server_files TO {}",
    ):
        with database.admin() as admin:
            admin.execute(sql.SQL(grant).format(sql.Identifier(database.owner)))


class TestWithoutASource:
    async def test_a_plain_role_is_told_what_would_make_it_answer(self, profiles: Database) -> None:
        said = judgement(await look(profiles), NAME)
        assert said.result is CheckResult.UNKNOWN
        assert "name the database's pods in spec.connection.podSelector" in said.message
        assert "the server's /proc can't be read through this session" in said.message
        assert said.healing is Healing.BY_A_PERSON

    @pytest.mark.parametrize(
        "grant",
        [
            "GRANT EXECUTE ON FUNCTION pg_read_file(text, bigint, bigint, boolean) TO {}",
            "GRANT pg_read_server_files TO {}",
        ],
    )
    async def test_half_the_rights_are_no_right_and_no_error(self, profiles: Database, grant: str) -> None:
        with profiles.admin() as admin:
            admin.execute(sql.SQL(grant).format(sql.Identifier(profiles.owner)))
        found = await look(profiles)
        assert fallen(found) == {}
        assert judgement(found, NAME).result is CheckResult.UNKNOWN

    async def test_it_never_asks_for_the_right_to_read_files(self, profiles: Database) -> None:
        messages = [one.judgement.message for one in (await look(profiles)).findings]
        assert [text for text in messages if "pg_read" in text and "GRANT" in text] == []


class TestTheServersOwnFiles:
    async def test_they_are_read_where_the_role_may(self, profiles: Database) -> None:
        let_read_files(profiles)
        found = await look(profiles, spec_of(privileges=JUDGED, **demanding(0)))
        said = judgement(found, NAME)
        assert said.result is CheckResult.PASSED
        measured, _, source = said.message.partition(", by ")
        assert re.fullmatch(r"[0-9.]+ .iB of [0-9.]+ .iB free \(\d+ %\)", measured)
        assert source in (
            "the server's /proc/meminfo (limit 0 %)",
            "the memory limit of the server's control group (limit 0 %)",
        )

    async def test_too_little_falls_and_may_heal(self, profiles: Database) -> None:
        let_read_files(profiles)
        said = only_fallen(await look(profiles, spec_of(privileges=JUDGED, **demanding(100))), NAME)
        assert "less than minFreeMemoryPercent 100" in said.message
        assert said.healing is Healing.BY_ITSELF


class TestPods:
    async def test_the_worst_container_is_judged_and_named(self, profiles: Database) -> None:
        pods = seen(
            container("people-1", memory=GIB, memory_limit=4 * GIB),
            container("people-2", memory=3 * GIB, memory_limit=4 * GIB),
            container("people-2", "exporter", memory=GIB // 8),
        )
        said = judgement(await look(profiles, surroundings=pods), NAME)
        assert said.result is CheckResult.PASSED
        assert said.message == (
            "1.0 GiB of 4.0 GiB free (25 %), by the metrics API for people-2/postgres (limit 10 %)"
        )

    @pytest.mark.parametrize(("percent", "result"), [(25, CheckResult.PASSED), (26, CheckResult.FAILED)])
    async def test_the_limit_just_met_and_just_missed(
        self, profiles: Database, percent: int, result: CheckResult
    ) -> None:
        pods = seen(container(memory=3 * GIB, memory_limit=4 * GIB))
        spec = spec_of(privileges=JUDGED, **demanding(percent))
        assert judgement(await look(profiles, spec, surroundings=pods), NAME).result is result

    async def test_a_pod_without_a_limit_falls_to_the_servers_files(self, profiles: Database) -> None:
        let_read_files(profiles)
        spec = spec_of(privileges=JUDGED, **demanding(0))
        said = judgement(await look(profiles, spec, surroundings=seen(container(memory=GIB))), NAME)
        assert said.result is CheckResult.PASSED
        assert "(the pods have no memory limit)" in said.message

    async def test_old_figures_say_nothing(self, profiles: Database) -> None:
        pods = seen(container(memory=GIB, memory_limit=4 * GIB, measured=NOW - timedelta(seconds=301)))
        said = judgement(await look(profiles, surroundings=pods), NAME)
        assert said.result is CheckResult.UNKNOWN
        assert "the metrics API's figures are older than 300 s" in said.message

    async def test_why_the_metrics_api_did_not_answer_is_told(self, profiles: Database) -> None:
        missing = ProbeFailure(
            Reason.KUBERNETES_REFUSED, "the cluster has no metrics API: install metrics-server"
        )
        said = judgement(await look(profiles, surroundings=seen(failure=missing)), NAME)
        assert said.result is CheckResult.UNKNOWN
        assert "the cluster has no metrics API: install metrics-server" in said.message
