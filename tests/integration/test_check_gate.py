"""A clean table scores 100; a probe that fails is Unknown and closes the gate; versions are judged."""

from dataclasses import replace

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.checks.catalogue import CATALOGUE
from roleshift.checks.database import server_version
from roleshift.checks.subject import Subject
from roleshift.engine.facts.server import ServerFacts
from roleshift.engine.outcome import Advance, Wait
from roleshift.engine.score import GateClosed, GateOpen
from roleshift.phases.checking import outcome_of
from support.examinations import JUDGED, fallen, judgement, look
from support.run_phases import phases_on, spec_of
from support.tables import create_user_profiles

MADE = {
    "ServerVersion",
    "UserProfiles",
    "RoleConsistency",
    "BackupPermissions",
    "RoleType",
    "MigrationColumns",
    "Locks",
}


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 8)
    return database


async def test_a_clean_table_scores_100(profiles: Database) -> None:
    found = await look(profiles)
    assert fallen(found) == {}
    assert found.gate == GateOpen(100)
    assert isinstance(outcome_of(found), Advance)


async def test_a_clean_table_on_postgresql_16_scores_100(database16: Database) -> None:
    create_user_profiles(database16, 8)
    found = await look(database16)
    assert found.gate == GateOpen(100)
    assert "PostgreSQL 16" in judgement(found, CheckName.SERVER_VERSION).message


async def test_the_catalogue_holds_24_checks_and_makes_seven(profiles: Database) -> None:
    assert [check.name for check in CATALOGUE] == list(CheckName)
    assert {one.name for one in (await look(profiles)).findings} == MADE


async def test_the_gate_names_every_critical_check_that_fell(profiles: Database) -> None:
    profiles.execute("ALTER TABLE user_profiles DROP COLUMN previous_role")
    mappings = [{"from": "admin", "to": "owner"}]
    found = await look(profiles, spec_of(mappings=mappings, unmappedRoles="Keep"))
    assert isinstance(found.gate, GateClosed)
    assert found.gate.message.startswith("RoleType: user_role lacks")
    assert found.gate.message.endswith("(1 more critical: MigrationColumns)")


async def test_findings_and_plan_are_in_the_ledger_after_checking(profiles: Database) -> None:
    async with phases_on(profiles, spec_of(privileges=JUDGED)) as run:
        assert await run.check() == Advance("score 100; 8 rows will change")
        assert {one.name for one in run.run.findings} == MADE
        assert run.run.plan is not None
        assert run.run.plan.proof.rows == 8
        assert run.run.target_name == "public.user_profiles"


@pytest.mark.parametrize(
    ("revoked", "name", "also"),
    [
        ("EXECUTE ON FUNCTION pg_control_system()", CheckName.SERVER_VERSION, {CheckName.BACKUP_PERMISSIONS}),
        ("SELECT ON pg_catalog.pg_locks", CheckName.LOCKS, set()),
        (
            "SELECT ON pg_catalog.pg_constraint",
            CheckName.USER_PROFILES,
            {CheckName(name) for name in MADE - {"ServerVersion", "UserProfiles"}},
        ),
        ("EXECUTE ON FUNCTION has_table_privilege(oid, text)", CheckName.BACKUP_PERMISSIONS, set()),
    ],
)
async def test_a_probe_without_rights_is_unknown_and_the_run_waits(
    profiles: Database, revoked: str, name: CheckName, also: set[CheckName]
) -> None:
    with profiles.admin() as admin:
        admin.execute(f"REVOKE {revoked} FROM PUBLIC")
    found = await look(profiles)
    assert fallen(found) == dict.fromkeys({name} | also, CheckResult.UNKNOWN)
    assert "permission denied" in judgement(found, name).message
    outcome = outcome_of(found)
    assert isinstance(outcome, Wait)
    assert "permission denied" in outcome.message


async def test_a_probe_that_takes_too_long_is_unknown(profiles: Database) -> None:
    impatient = spec_of(strategy={"statementTimeoutSeconds": 1})
    with profiles.connect() as other, other.transaction(force_rollback=True):
        other.execute("LOCK user_profiles IN ACCESS EXCLUSIVE MODE")
        found = await look(profiles, impatient)
    said = judgement(found, CheckName.USER_PROFILES)
    assert said.result is CheckResult.UNKNOWN
    assert "statement timeout" in said.message
    assert judgement(found, CheckName.ROLE_CONSISTENCY).result is CheckResult.UNKNOWN


class TestServerVersion:
    @pytest.mark.parametrize(
        ("version", "result", "message"),
        [
            (13, CheckResult.FAILED, "is older than 14, the oldest that works: upgrade the server"),
            (14, CheckResult.WARNING, "is past its end of life: plan its upgrade"),
            (15, CheckResult.PASSED, "supported; 16 and 18 are the versions that tests run on"),
            (16, CheckResult.PASSED, "tried"),
            (17, CheckResult.PASSED, "supported; 16 and 18 are the versions that tests run on"),
            (18, CheckResult.PASSED, "tried"),
            (19, CheckResult.WARNING, "is newer than 18, the newest that was tried"),
        ],
    )
    async def test_it_is_judged_by_its_major_number(
        self, profiles: Database, version: int, result: CheckResult, message: str
    ) -> None:
        spec = spec_of()
        facts = (await look(profiles, spec)).facts
        assert isinstance(facts.server, ServerFacts)
        server = replace(facts.server, version=version * 10_000 + 3, version_text=f"{version}.3")
        said = server_version(Subject(spec, replace(facts, server=server)))
        assert said.result is result
        assert said.message.startswith(f"PostgreSQL {version}.3")
        assert message in said.message
