"""BackupPermissions: what a run will need is really tried as its role, and undone."""

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.outcome import Advance
from roleshift.errors import Reason
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.run_phases import phases_on, spec_of
from support.tables import create_user_profiles

NAME = CheckName.BACKUP_PERMISSIONS
WORKER = "worker"


@pytest.fixture
def worker(database: Database) -> str:
    """The URI of a role that may read and update the table of somebody else, and no more."""
    create_user_profiles(database, 8)
    role = f"{database.name}_worker"
    database.server.create_role(role, WORKER)
    with database.admin() as admin:
        admin.execute(f"GRANT SELECT, UPDATE ON user_profiles TO {role}")
        admin.execute(f"GRANT CREATE ON DATABASE {database.name} TO {role}")
    return database.server.uri(database.name, role, WORKER, sslmode="disable")


def as_admin(database: Database, *statements: str) -> None:
    with database.admin() as admin:
        for statement in statements:
            admin.execute(statement.format(database=database.name, worker=f"{database.name}_worker"))


async def test_a_role_with_just_enough_rights_passes(database: Database, worker: str) -> None:
    found = await look(database, uri=worker)
    assert fallen(found) == {}
    assert judgement(found, NAME).message.endswith("ledger: absent, will be created")


async def test_the_trial_leaves_nothing_behind(database: Database, worker: str) -> None:
    await look(database, uri=worker)
    assert database.query("SELECT nspname FROM pg_namespace WHERE nspname = 'roleshift'") == []


async def test_it_names_the_ledgers_version_once_there_is_one(database: Database) -> None:
    create_user_profiles(database, 8)
    async with phases_on(database) as run:
        await run.check()
        assert run.judgement(NAME).message.endswith("ledger: version 1")


@pytest.mark.parametrize(
    ("revoked", "grant"),
    [
        ("CREATE ON DATABASE {database}", 'GRANT CREATE ON DATABASE "{database}" TO "{worker}"'),
        ("UPDATE ON user_profiles", 'GRANT UPDATE ON "public"."user_profiles" TO "{worker}"'),
    ],
)
async def test_a_missing_grant_is_named_as_the_statement_that_gives_it(
    database: Database, worker: str, revoked: str, grant: str
) -> None:
    as_admin(database, f"REVOKE {revoked} FROM {{worker}}")
    said = only_fallen(await look(database, uri=worker), NAME)
    assert said.reason is Reason.PERMISSION_DENIED
    assert grant.format(database=database.name, worker=f"{database.name}_worker") in said.message


async def test_what_it_says_to_run_makes_it_pass(database: Database, worker: str) -> None:
    as_admin(
        database,
        "REVOKE CREATE ON DATABASE {database} FROM {worker}",
        "REVOKE UPDATE ON user_profiles FROM {worker}",
    )
    message = only_fallen(await look(database, uri=worker), NAME).message
    as_admin(database, *message.partition(": ")[2].split("; "))
    assert fallen(await look(database, uri=worker)) == {}


async def test_a_ledger_schema_of_somebody_else_needs_a_grant(database: Database, worker: str) -> None:
    as_admin(database, "CREATE SCHEMA roleshift")
    said = only_fallen(await look(database, uri=worker), NAME)
    assert f'GRANT USAGE, CREATE ON SCHEMA roleshift TO "{database.name}_worker"' in said.message


async def test_a_ledger_that_the_role_may_not_read_is_unknown(database: Database, worker: str) -> None:
    async with phases_on(database):
        as_admin(database, "GRANT USAGE, CREATE ON SCHEMA roleshift TO {worker}")
        said = judgement(await look(database, uri=worker), NAME)
    assert said.result is CheckResult.UNKNOWN
    assert "permission denied for table ledger_version" in said.message


async def test_schema_changes_need_the_tables_owner(database: Database, worker: str) -> None:
    as_admin(database, "ALTER TABLE user_profiles DROP COLUMN previous_role")
    spec = spec_of(privileges=JUDGED, schemaChanges="AddMissing")
    said = only_fallen(await look(database, spec, uri=worker), NAME)
    assert f'ALTER TABLE "public"."user_profiles" OWNER TO "{database.name}_worker"' in said.message


async def test_adding_a_label_needs_the_types_owner(database: Database, worker: str) -> None:
    spec = spec_of(
        mappings=[{"from": "admin", "to": "owner"}],
        unmappedRoles="Keep",
        schemaChanges="AddMissing",
        privileges={"order": ["owner", "admin"]},
    )
    said = only_fallen(await look(database, spec, uri=worker), NAME)
    assert f'ALTER TYPE public.user_role OWNER TO "{database.name}_worker"' in said.message


async def test_rights_are_judged_even_while_no_plan_can_be_made(database: Database, worker: str) -> None:
    as_admin(
        database,
        "ALTER TABLE user_profiles DROP COLUMN previous_role",
        "REVOKE UPDATE ON user_profiles FROM {worker}",
    )
    found = await look(database, uri=worker)
    assert set(fallen(found)) == {NAME, CheckName.MIGRATION_COLUMNS}
    assert 'GRANT UPDATE ON "public"."user_profiles"' in judgement(found, NAME).message


async def test_it_says_when_the_write_itself_could_not_be_tried(database: Database, worker: str) -> None:
    as_admin(database, "ALTER TABLE user_profiles DROP COLUMN previous_role")
    said = judgement(await look(database, uri=worker), NAME)
    assert said.result is CheckResult.PASSED
    assert "except for the write, which can't be planned yet" in said.message


async def test_a_schema_laid_down_by_a_dba_is_enough(database: Database, worker: str) -> None:
    as_admin(
        database,
        "REVOKE CREATE ON DATABASE {database} FROM {worker}",
        "CREATE SCHEMA roleshift",
        "GRANT USAGE, CREATE ON SCHEMA roleshift TO {worker}",
    )
    assert fallen(await look(database, uri=worker)) == {}
    async with phases_on(database, uri=worker) as run:
        await run.check()
        assert run.judgement(NAME).result is CheckResult.PASSED


async def test_a_role_with_just_enough_rights_gets_to_the_end_and_back(
    database: Database, worker: str
) -> None:
    before = database.row_set_hash("user_profiles")
    async with phases_on(database, uri=worker) as run:
        await run.until(Phase.DONE)
        assert isinstance(await run.roll_back(), Advance)
    assert database.row_set_hash("user_profiles") == before
