"""A clean table scores 100; a probe that fails is Unknown and closes the gate; versions are judged."""

from dataclasses import replace

import pytest

from localenv.database import Database
from localenv.postgres import PostgresServer
from localenv.wait import wait_until
from roleshift.api.safety import CheckName, CheckResult
from roleshift.checks.catalogue import CATALOGUE
from roleshift.checks.database import server_version
from roleshift.checks.subject import Subject
from roleshift.engine.facts.server import ServerFacts
from roleshift.engine.outcome import Advance, Wait
from roleshift.engine.score import GateClosed, GateOpen
from roleshift.phases.checking import outcome_of
from support.examinations import JUDGED, UNSEEN, fallen, judgement, look
from support.run_phases import phases_on, spec_of
from support.tables import create_user_profiles


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 8)
    return database


USERS = CheckName.USER_PROFILES
ANSWERS = {
    CheckName.BACKUP_SPACE: "spec.checks.limits.maxDatabaseBytes",
    CheckName.RECENT_BACKUP: "archive_mode",
    CheckName.MEMORY: "spec.connection.podSelector",
    CheckName.CPU: "spec.connection.podSelector",
}
"""What would make those answer that a clean database leaves open."""


async def test_a_clean_table_passes_whatever_a_plain_role_can_know(profiles: Database) -> None:
    found = await look(profiles)
    assert {one.name: one.result for one in found.findings if one.result is not CheckResult.PASSED} == UNSEEN
    assert found.gate == GateOpen(93)
    assert isinstance(outcome_of(found), Advance)


@pytest.mark.parametrize("name", UNSEEN)
async def test_what_can_not_be_known_says_what_would_make_it_answer(
    profiles: Database, name: CheckName
) -> None:
    assert ANSWERS[name] in judgement(await look(profiles), name).message


async def test_a_clean_table_on_postgresql_16_passes_as_well(database16: Database) -> None:
    create_user_profiles(database16, 8)
    found = await look(database16)
    assert fallen(found) == {}
    assert found.gate == GateOpen(93)
    assert "PostgreSQL 16" in judgement(found, CheckName.SERVER_VERSION).message


GENEROUS = {
    "maxDatabaseBytes": 10**12,
    "maxLoadPerCPU": 1000,
    "minFreeMemoryPercent": 0,
    "maxIOPressurePercent": 100,
}


async def test_a_clean_table_where_everything_can_be_known_scores_100() -> None:
    with PostgresServer(18, {"archive_mode": "on", "archive_command": "true"}) as server:
        database = Database.create(server)
        create_user_profiles(database, 8)
        with database.admin() as admin:
            admin.execute("SELECT pg_switch_wal()")
            archived = "SELECT archived_count > 0 FROM pg_stat_archiver"
            wait_until(lambda: admin.execute(archived).fetchone() == (True,), 30, "a segment is archived")
        spec = spec_of(privileges=JUDGED, checks={"limits": GENEROUS})
        found = await look(database, spec, uri=database.admin_uri)
    passed = {one.name for one in found.findings if one.result is CheckResult.PASSED}
    assert [one for one in found.findings if one.name not in passed] == []
    assert found.gate == GateOpen(100)


async def test_the_catalogue_holds_24_checks_and_makes_each(profiles: Database) -> None:
    assert [check.name for check in CATALOGUE] == list(CheckName)
    assert [one.name for one in (await look(profiles)).findings] == list(CheckName)


async def test_the_gate_names_every_critical_check_that_fell(profiles: Database) -> None:
    profiles.execute("ALTER TABLE user_profiles DROP COLUMN previous_role")
    mappings = [{"from": "admin", "to": "owner"}]
    found = await look(profiles, spec_of(mappings=mappings, unmappedRoles="Keep"))
    assert isinstance(found.gate, GateClosed)
    assert found.gate.message.startswith("RoleType: user_role lacks")
    assert found.gate.message.endswith("(1 more critical: MigrationColumns)")


async def test_findings_and_plan_are_in_the_ledger_after_checking(profiles: Database) -> None:
    async with phases_on(profiles, spec_of(privileges=JUDGED)) as run:
        assert await run.check() == Advance("score 93; 8 rows will change")
        assert [one.name for one in run.run.findings] == list(CheckName)
        assert run.run.plan is not None
        assert run.run.plan.proof.rows == 8
        assert run.run.target_name == "public.user_profiles"


KNOWN_WITHOUT_THE_TABLE = {
    CheckName.SERVER_VERSION,
    CheckName.CONNECTION_HEADROOM,
    CheckName.BACKUP_INFRASTRUCTURE,
    CheckName.DISK_IO,
    CheckName.REPLICATION_LAG,
    CheckName.LONG_TRANSACTIONS,
}


@pytest.mark.parametrize(
    ("revoked", "name", "also"),
    [
        ("EXECUTE ON FUNCTION pg_control_system()", CheckName.SERVER_VERSION, {CheckName.BACKUP_PERMISSIONS}),
        (
            "SELECT ON pg_catalog.pg_locks",
            CheckName.LOCKS,
            {CheckName.ACTIVE_USERS, CheckName.BACKGROUND_JOBS, CheckName.LONG_TRANSACTIONS},
        ),
        (
            "SELECT ON pg_catalog.pg_constraint",
            CheckName.USER_PROFILES,
            set(CheckName) - KNOWN_WITHOUT_THE_TABLE - UNSEEN.keys() | {CheckName.BACKUP_SPACE},
        ),
        (
            "EXECUTE ON FUNCTION has_table_privilege(oid, text)",
            CheckName.BACKUP_PERMISSIONS,
            {CheckName.BACKUP_INFRASTRUCTURE, CheckName.BACKGROUND_JOBS},
        ),
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


SLOW_CAST = """
    CREATE FUNCTION slowly(user_role) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(0.5);
        RETURN enum_out($1);
    END $$;
    CREATE CAST (user_role AS text) WITH FUNCTION slowly(user_role);
"""


async def test_a_probe_that_takes_too_long_is_unknown(profiles: Database) -> None:
    profiles.execute(SLOW_CAST)
    said = judgement(await look(profiles, spec_of(strategy={"statementTimeoutSeconds": 1})), USERS)
    assert said.result is CheckResult.UNKNOWN
    assert "statement timeout" in said.message


async def test_a_table_that_is_locked_away_is_unknown(profiles: Database) -> None:
    with profiles.connect() as other, other.transaction(force_rollback=True):
        other.execute("LOCK user_profiles IN ACCESS EXCLUSIVE MODE")
        found = await look(profiles)
    for name in (USERS, CheckName.ROLE_CONSISTENCY):
        assert judgement(found, name).result is CheckResult.UNKNOWN
    assert "lock timeout" in judgement(found, USERS).message
    assert isinstance(outcome_of(found), Wait)


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
