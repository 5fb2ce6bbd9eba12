"""BackupPermissions: what a run will need is really tried as its role, and undone."""

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.outcome import Advance
from roleshift.errors import Reason
from roleshift.postgres import ledger_schema
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.ledger_rows import make_older
from support.run_phases import phases_on, spec_of, there_and_back
from support.tables import create_user_profiles

NAME = CheckName.BACKUP_PERMISSIONS
WORKER = "worker"
GRANT_COLUMNS = (
    "GRANT UPDATE (role, previous_role, seniority_level, role_migrated_at) ON user_profiles TO {worker}"
)


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


def grants_in(message: str) -> list[str]:
    """The statements that a message says to run."""
    return message.partition(": ")[2].split("; ")


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
        assert run.judgement(NAME).message.endswith(f"ledger: version {ledger_schema.VERSION}")


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
    as_admin(database, *grants_in(message))
    assert fallen(await look(database, uri=worker)) == {}


async def test_a_ledger_schema_of_somebody_else_needs_a_grant(database: Database, worker: str) -> None:
    as_admin(database, "CREATE SCHEMA roleshift")
    said = only_fallen(await look(database, uri=worker), NAME)
    assert f'GRANT USAGE, CREATE ON SCHEMA roleshift TO "{database.name}_worker"' in said.message


async def test_a_ledger_of_somebody_else_needs_grants_for_each_table(database: Database, worker: str) -> None:
    async with phases_on(database):
        pass
    found = await look(database, uri=worker)
    said = judgement(found, NAME)
    assert {*fallen(found)} >= {NAME, CheckName.BACKUP_INFRASTRUCTURE}
    assert "GRANT SELECT, INSERT, UPDATE ON roleshift.migration_run TO " in said.message
    as_admin(database, *grants_in(said.message))
    assert fallen(await look(database, uri=worker)) == {}


async def test_an_older_ledger_that_the_role_may_not_upgrade_is_named(
    database: Database, worker: str
) -> None:
    async with phases_on(database):
        pass
    as_admin(database, *grants_in(judgement(await look(database, uri=worker), NAME).message))
    make_older(database)
    said = only_fallen(await look(database, uri=worker), NAME)
    assert "the ledger has version 1 and the role may not upgrade it: as its owner, run" in said.message
    assert f'roleshift sql --role "{database.name}_worker" | psql' in said.message


@pytest.mark.parametrize(
    ("lacks", "grant"),
    [
        ("REVOKE SELECT ON user_profiles FROM {worker}", 'GRANT SELECT ON "public"."user_profiles" TO'),
        (
            "REVOKE SELECT ON user_profiles FROM {worker}; GRANT SELECT (role) ON user_profiles TO {worker}",
            'GRANT SELECT ON "public"."user_profiles" TO',
        ),
        (
            "REVOKE UPDATE ON user_profiles FROM {worker}; GRANT UPDATE (role) ON user_profiles TO {worker}",
            'GRANT UPDATE ON "public"."user_profiles" TO',
        ),
        ("REVOKE USAGE ON SCHEMA public FROM PUBLIC, {worker}", 'GRANT USAGE ON SCHEMA "public" TO'),
        (
            f"REVOKE UPDATE ON user_profiles FROM {{worker}}; {GRANT_COLUMNS}",
            'GRANT MAINTAIN ON "public"."user_profiles" TO',
        ),
    ],
    ids=["SELECT", "SELECT on some columns", "UPDATE on some columns", "USAGE", "LOCK"],
)
async def test_what_is_missing_on_the_table_is_named(
    database: Database, worker: str, lacks: str, grant: str
) -> None:
    as_admin(database, lacks)
    said = judgement(await look(database, uri=worker), NAME)
    assert (said.result, said.reason) == (CheckResult.FAILED, Reason.PERMISSION_DENIED)
    assert grant in said.message
    as_admin(database, *grants_in(said.message))
    assert fallen(await look(database, uri=worker)) == {}


async def test_a_lock_on_an_older_server_needs_update_on_the_table(database16: Database) -> None:
    create_user_profiles(database16, 8)
    role = f"{database16.name}_worker"
    database16.server.create_role(role, WORKER)
    as_admin(
        database16,
        "GRANT CREATE ON DATABASE {database} TO {worker}",
        "GRANT SELECT ON user_profiles TO {worker}",
        GRANT_COLUMNS,
    )
    uri = database16.server.uri(database16.name, role, WORKER, sslmode="disable")
    said = only_fallen(await look(database16, uri=uri), NAME)
    assert said.message.endswith(f'GRANT UPDATE ON "public"."user_profiles" TO "{role}"')


async def test_columns_alone_are_enough_where_the_table_can_be_locked(
    database: Database, worker: str
) -> None:
    as_admin(
        database,
        "REVOKE ALL ON user_profiles FROM {worker}",
        "GRANT SELECT (id, role, previous_role, seniority_level, role_migrated_at, xmin)"
        " ON user_profiles TO {worker}",
        GRANT_COLUMNS,
        "GRANT MAINTAIN ON user_profiles TO {worker}",
    )
    before = database.row_set_hash("user_profiles")
    assert judgement(await look(database, uri=worker), NAME).result is CheckResult.PASSED
    async with phases_on(database, uri=worker) as run:
        await run.until(Phase.DONE)
        assert isinstance(await run.roll_back(), Advance)
    assert database.row_set_hash("user_profiles") == before


async def test_what_the_role_column_refers_to_has_to_be_readable(database: Database, worker: str) -> None:
    database.execute(
        "CREATE SCHEMA dictionary; CREATE TABLE dictionary.roles (name user_role PRIMARY KEY);"
        "INSERT INTO dictionary.roles SELECT unnest(enum_range(NULL::user_role));"
        "ALTER TABLE user_profiles ADD FOREIGN KEY (role) REFERENCES dictionary.roles"
    )
    said = judgement(await look(database, uri=worker), NAME)
    assert 'GRANT SELECT ON "dictionary"."roles" TO' in said.message
    as_admin(database, *grants_in(said.message))
    assert fallen(await look(database, uri=worker)) == {}


async def test_an_assertion_that_the_role_may_not_run_is_named(database: Database, worker: str) -> None:
    database.execute("CREATE TABLE secrets (id int)")
    assertions = [
        {"name": "secrets", "query": "SELECT count(*) FROM secrets", "expected": "0"},
        {"name": "nonsense", "query": "SELECT count(*) FROM nowhere", "expected": "0"},
    ]
    spec = spec_of(privileges=JUDGED, validation={"assertions": assertions})
    said = only_fallen(await look(database, spec, uri=worker), NAME)
    assert "assertion secrets: permission denied for table secrets" in said.message
    assert "nonsense" not in said.message


async def test_the_target_is_not_locked_by_the_trial(database: Database, worker: str) -> None:
    with database.connect() as busy, busy.transaction():
        busy.execute("UPDATE user_profiles SET note = 'busy' WHERE id = 4")
        assert judgement(await look(database, uri=worker), NAME).result is CheckResult.PASSED


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


async def test_a_publication_for_all_tables_is_in_nobodys_way(database: Database) -> None:
    create_user_profiles(database, 8)
    as_admin(database, "CREATE PUBLICATION everything FOR ALL TABLES")
    assert fallen(await look(database)) == {}
    await there_and_back(database, spec_of(), lambda: None)


async def test_a_table_that_is_published_without_an_identity_is_refused(database: Database) -> None:
    create_user_profiles(database, 8)
    database.execute("ALTER TABLE user_profiles REPLICA IDENTITY NOTHING")
    as_admin(database, "CREATE PUBLICATION users FOR TABLE user_profiles")
    said = only_fallen(await look(database), NAME)
    assert 'cannot update table "user_profiles" because it does not have a replica identity' in said.message


async def test_an_event_trigger_that_forbids_tables_is_named(database: Database) -> None:
    create_user_profiles(database, 8)
    as_admin(
        database,
        "CREATE FUNCTION no_tables() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'ask the team first'; END $$",
        "CREATE EVENT TRIGGER no_tables ON ddl_command_end EXECUTE FUNCTION no_tables()",
    )
    said = only_fallen(await look(database), NAME)
    assert "the server refuses what a run does" in said.message
    assert "ask the team first" in said.message
