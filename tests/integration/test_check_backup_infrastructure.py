"""BackupInfrastructure: the ledger is at the right version or will be, and its functions are unaltered."""

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.api.safety import CheckName, CheckResult
from roleshift.errors import Reason
from roleshift.postgres import functions, ledger_schema
from roleshift.postgres.session import Session
from roleshift.postgres.statements import statement
from support.examinations import fallen, judgement, look, only_fallen
from support.ledger_rows import LedgerRows
from support.run_phases import phases_on, session_on, spec_of
from support.tables import create_user_profiles

NAME = CheckName.BACKUP_INFRASTRUCTURE
_OTHER_BODY = """
    CREATE OR REPLACE FUNCTION roleshift.run_parts(run_id uuid) RETURNS jsonb
    LANGUAGE sql AS 'SELECT ''{}''::jsonb'
"""


@pytest.fixture
def profiles(database: Database) -> Database:
    """Eight users, and no ledger."""
    create_user_profiles(database, 8)
    return database


@pytest.fixture
def with_ledger(profiles: Database) -> Database:
    """Eight users and an empty ledger."""
    LedgerRows(profiles).install()
    return profiles


async def make_older(database: Database) -> None:
    """A ledger as version 1 laid it down."""
    session = await session_on(database.uri)
    try:
        await _lay_down_version_1(session)
    finally:
        await session.close()


async def _lay_down_version_1(session: Session) -> None:
    await session.execute(statement("ledger_version_1"))


class TestItPasses:
    async def test_without_a_ledger_which_will_be_created(self, profiles: Database) -> None:
        found = await look(profiles)
        assert fallen(found) == {}
        assert judgement(found, NAME).message == "there is no ledger yet; version 5 will be created"
        assert profiles.query("SELECT to_regnamespace('roleshift')") == [(None,)]

    async def test_with_a_whole_one(self, with_ledger: Database) -> None:
        found = await look(with_ledger)
        assert fallen(found) == {}
        said = judgement(found, NAME).message
        assert said == "the ledger has version 5; its tables can be read, its 3 functions are unaltered"

    async def test_with_a_whole_one_on_an_older_server(self, database16: Database) -> None:
        create_user_profiles(database16, 8)
        async with phases_on(database16):
            pass
        assert fallen(await look(database16)) == {}

    async def test_with_an_older_one_which_will_be_upgraded(self, profiles: Database) -> None:
        await make_older(profiles)
        found = await look(profiles)
        assert fallen(found) == {}
        assert judgement(found, NAME).message == "the ledger has version 1 and will be upgraded to 5"
        assert profiles.query("SELECT max(version) FROM roleshift.ledger_version") == [(1,)]

    async def test_even_where_there_is_no_table_to_migrate(self, with_ledger: Database) -> None:
        for table in ("nowhere", "pg_stat_activity"):
            found = await look(with_ledger, spec_of(target={"table": table}))
            assert judgement(found, NAME).result is CheckResult.PASSED


class TestItFails:
    async def test_with_a_newer_one(self, with_ledger: Database) -> None:
        with_ledger.execute("INSERT INTO roleshift.ledger_version (version) VALUES (6)")
        said = only_fallen(await look(with_ledger), NAME)
        assert said.reason is Reason.LEDGER_TOO_NEW
        assert said.message == "the ledger has version 6, this operator knows 5: upgrade the operator"

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (
                _OTHER_BODY,
                "the function roleshift.run_parts(uuid) was altered",
            ),
            (
                "ALTER FUNCTION roleshift.validate_run SECURITY DEFINER",
                "the function roleshift.validate_run(uuid) was altered",
            ),
            (
                "ALTER FUNCTION roleshift.restore_run SET search_path = public",
                "the function roleshift.restore_run(uuid) was altered",
            ),
            (
                "DROP FUNCTION roleshift.restore_run",
                "the function roleshift.restore_run(uuid) is gone",
            ),
            (
                "DELETE FROM roleshift.migration_validation_functions WHERE name = 'validate_run(uuid)'",
                "the registry has no entry for roleshift.validate_run(uuid)",
            ),
            (
                "UPDATE roleshift.migration_validation_functions SET checksum = 'x' WHERE name ~ 'validate'",
                "the registry's entry for roleshift.validate_run(uuid) was altered",
            ),
        ],
    )
    async def test_with_an_altered_function(self, with_ledger: Database, change: str, says: str) -> None:
        with_ledger.execute(change)
        said = only_fallen(await look(with_ledger), NAME)
        assert said.message.startswith(says)
        assert said.message.endswith("lay the ledger down again as its owner: roleshift sql | psql")

    async def test_with_a_function_and_its_entry_altered_alike(self, with_ledger: Database) -> None:
        """Whoever alters both makes them agree with each other, and not with the operator."""
        with_ledger.execute("ALTER FUNCTION roleshift.validate_run SECURITY DEFINER")
        with_ledger.execute("UPDATE roleshift.migration_validation_functions SET checksum = 'theirs'")
        assert "validate_run(uuid) was altered" in only_fallen(await look(with_ledger), NAME).message

    async def test_with_a_table_missing(self, with_ledger: Database) -> None:
        with_ledger.execute("DROP TABLE roleshift.migration_rollback_log")
        found = await look(with_ledger)
        assert "the ledger lacks migration_rollback_log" in judgement(found, NAME).message
        assert judgement(found, NAME).result is CheckResult.FAILED

    async def test_with_a_table_that_the_role_may_not_read(self, with_ledger: Database) -> None:
        role = f"{with_ledger.name}_worker"
        with_ledger.server.create_role(role, "worker")
        uri = with_ledger.server.uri(with_ledger.name, role, "worker", sslmode="disable")
        with with_ledger.admin() as admin:
            admin.execute(f"GRANT USAGE, CREATE ON SCHEMA roleshift TO {role}")
            admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA roleshift TO {role}")
            admin.execute(f"REVOKE SELECT ON roleshift.migration_run FROM {role}")
        said = judgement(await look(with_ledger, uri=uri), NAME)
        assert (said.result, said.reason) == (CheckResult.FAILED, Reason.PERMISSION_DENIED)
        assert "can't read roleshift.migration_run" in said.message


async def test_laying_it_down_again_mends_it(with_ledger: Database) -> None:
    with_ledger.execute("DROP FUNCTION roleshift.restore_run")
    with_ledger.execute("ALTER FUNCTION roleshift.validate_run SECURITY DEFINER")
    with_ledger.execute("DELETE FROM roleshift.migration_validation_functions")
    session = await session_on(with_ledger.uri)
    try:
        await ledger_schema.ensure(session)
        assert fallen(await look(with_ledger)) == {NAME: CheckResult.FAILED}, "nothing is mended in silence"
        await functions.lay_down(session)
        await functions.lay_down(session)
    finally:
        await session.close()
    assert fallen(await look(with_ledger)) == {}


async def test_it_stops_a_run(with_ledger: Database) -> None:
    with_ledger.execute("DROP FUNCTION roleshift.restore_run")
    async with phases_on(with_ledger) as run:
        await run.check()
        assert (run.run.phase, run.run.reason) == (Phase.FAILED, Reason.CHECKS_FAILED)
