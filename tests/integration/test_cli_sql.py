"""`roleshift sql`: a DBA lays it down; a role with nothing but those grants migrates a table, and back."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.outcome import Advance, Undo
from support.administrator import Administrator
from support.examinations import JUDGED, fallen, judgement, look
from support.ledger_rows import LedgerRows, make_older
from support.run_phases import phases_on, session_on, spec_of


@pytest.fixture
def dba(tmp_path: Path, database: Database) -> Administrator:
    return Administrator.of(tmp_path, database)


@pytest.fixture
def dba16(tmp_path: Path, database16: Database) -> Administrator:
    return Administrator.of(tmp_path, database16)


async def there_and_back(dba: Administrator) -> None:
    """A whole migration and its rollback; then another, cancelled, whose image is dropped."""
    before = dba.database.row_set_hash("user_profiles")
    assert fallen(await dba.look()) == {}
    async with phases_on(dba.database, uri=dba.uri) as run:
        await run.until(Phase.DONE)
        assert dba.database.row_set_hash("user_profiles") != before
        assert isinstance(await run.roll_back(), Advance)
    assert dba.database.row_set_hash("user_profiles") == before
    async with phases_on(dba.database, uri=dba.uri, name="cancelled") as run:
        await run.until(Phase.MIGRATING)
        assert isinstance(await run.cancel(), Undo)
    assert LedgerRows(dba.database).images == 1


def rights_of(dba: Administrator) -> list[tuple[Any, ...]]:
    """What the role may do beyond reading and changing the target's columns."""
    with dba.database.admin() as admin:
        return admin.execute(_RIGHTS, [dba.role]).fetchall()


_RIGHTS = """
    SELECT
        has_database_privilege(r.oid, current_database(), 'CREATE'), rolsuper, rolcreaterole,
        has_table_privilege(r.oid, 'user_profiles', 'INSERT'),
        has_table_privilege(r.oid, 'user_profiles', 'DELETE'),
        has_table_privilege(r.oid, 'roleshift.migration_execution_log', 'UPDATE'),
        has_table_privilege(r.oid, 'roleshift.migration_run', 'DELETE'),
        has_column_privilege(r.oid, 'user_profiles', 'email', 'UPDATE')
    FROM pg_roles AS r WHERE rolname = %s
"""


class TestLeastGrants:
    async def test_a_role_with_those_grants_and_nothing_else_does_a_migration_and_back(
        self, dba: Administrator
    ) -> None:
        dba.lay_down()
        assert rights_of(dba) == [(False,) * 8]
        await there_and_back(dba)
        owned = dba.database.query(
            "SELECT count(*) FROM pg_class WHERE relowner = %s::regrole AND relkind = 'r'"
            " AND relname !~ '^migration_backup_'",
            [dba.role],
        )
        assert owned == [(0,)]

    async def test_and_so_it_does_on_an_older_server(self, dba16: Administrator) -> None:
        """Where no lesser right than UPDATE on the table lets it be locked."""
        dba16.lay_down()
        assert rights_of(dba16) == [(*(False,) * 7, True)]
        await there_and_back(dba16)

    async def test_a_take_over_ends_the_backends_of_the_same_role(self, dba: Administrator) -> None:
        dba.lay_down()
        async with phases_on(dba.database, uri=dba.uri) as first:
            await first.until(Phase.MIGRATING)
            pid = first.work.backend.pid
            async with phases_on(dba.database, uri=dba.uri) as second:
                alive = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
                assert dba.database.query(alive, [pid]) == [(0,)]
                await second.until(Phase.DONE)

    async def test_the_role_may_validate_and_restore_from_psql(self, dba: Administrator) -> None:
        dba.lay_down()
        before = dba.database.row_set_hash("user_profiles")
        async with phases_on(dba.database, uri=dba.uri) as run:
            await run.until(Phase.DONE)
        with psycopg.connect(dba.uri, autocommit=True) as session:
            found = session.execute("SELECT result FROM roleshift.validate_run(%s)", [run.run.run_id])
            assert {result for (result,) in found.fetchall()} == {"Passed"}
            restored = session.execute("SELECT restored FROM roleshift.restore_run(%s)", [run.run.run_id])
            assert restored.fetchone() == (40,)
        assert dba.database.row_set_hash("user_profiles") == before

    async def test_foreign_keys_assignments_and_other_schemas_are_granted(self, dba: Administrator) -> None:
        dba.database.execute("""
            CREATE SCHEMA dictionary;
            CREATE TABLE dictionary.roles (name user_role PRIMARY KEY);
            INSERT INTO dictionary.roles SELECT unnest(enum_range(NULL::user_role));
            ALTER TABLE user_profiles ADD FOREIGN KEY (role) REFERENCES dictionary.roles;
            CREATE SCHEMA teams;
            CREATE TABLE teams.members (user_id bigint, role text);
            INSERT INTO teams.members VALUES (4, 'admin');
        """)
        assignments = [{"schema": "teams", "table": "members", "userColumn": "user_id", "roleColumn": "role"}]
        changes = {"target": {"assignments": assignments}}
        dba.lay_down(**changes)
        assert fallen(await dba.look(**changes)) == {}
        async with phases_on(dba.database, spec_of(**changes), uri=dba.uri) as run:
            await run.until(Phase.DONE)
            assert isinstance(await run.roll_back(), Advance)

    async def test_odd_names_are_quoted(self, tmp_path: Path, database: Database) -> None:
        dba = Administrator.of(tmp_path, database, f'We\'re "{database.name}" %s $script0$ \\')
        database.execute(
            'CREATE SCHEMA "S%s $version0$"; ALTER TABLE user_profiles SET SCHEMA "S%s $version0$";'
            'ALTER TABLE "S%s $version0$".user_profiles RENAME TO "Us\'er;s $script0$ {role}";'
            'ALTER TABLE "S%s $version0$"."Us\'er;s $script0$ {role}" RENAME role TO "Ro""le"'
        )
        target = {
            "schema": "S%s $version0$",
            "table": "Us'er;s $script0$ {role}",
            "columns": {"role": 'Ro"le'},
        }
        dba.lay_down(target=target)
        spec = spec_of(target=target, privileges=JUDGED)
        assert fallen(await look(database, spec, uri=dba.uri)) == {}
        async with phases_on(database, spec, uri=dba.uri) as run:
            await run.until(Phase.DONE)

    def test_without_a_manifest_only_the_ledger_is_granted(self, dba: Administrator) -> None:
        script = dba.script("--role", dba.role)
        assert "user_profiles" not in script
        dba.run(script)

    def test_schema_changes_are_the_owners(self, dba: Administrator) -> None:
        script = dba.script("-f", dba.manifest(schemaChanges="AddMissing"), "--role", dba.role)
        assert "-- spec.schemaChanges: AddMissing needs the owner of the table." in script


class TestTheLedger:
    async def test_it_may_be_laid_down_again(self, dba: Administrator) -> None:
        dba.lay_down()
        async with phases_on(dba.database, uri=dba.uri) as run:
            await run.until(Phase.DONE)
        before = LedgerRows(dba.database).run
        dba.lay_down()
        assert LedgerRows(dba.database).run == before
        found = await dba.look()
        assert judgement(found, CheckName.BACKUP_INFRASTRUCTURE).result is CheckResult.PASSED
        assert judgement(found, CheckName.BACKUP_PERMISSIONS).result is CheckResult.PASSED

    async def test_it_mends_altered_functions(self, dba: Administrator) -> None:
        dba.lay_down()
        with dba.database.admin() as admin:
            admin.execute("DROP FUNCTION roleshift.restore_run")
            admin.execute("ALTER FUNCTION roleshift.validate_run SECURITY DEFINER")
            admin.execute("DELETE FROM roleshift.migration_validation_functions")
        assert fallen(await dba.look()) == {CheckName.BACKUP_INFRASTRUCTURE: CheckResult.FAILED}
        dba.lay_down()
        assert fallen(await dba.look()) == {}

    async def test_it_brings_an_older_one_up(self, dba: Administrator) -> None:
        dba.lay_down()
        make_older(dba.database, as_admin=True)
        assert judgement(await dba.look(), CheckName.BACKUP_PERMISSIONS).result is CheckResult.FAILED
        dba.lay_down()
        assert fallen(await dba.look()) == {}

    def test_it_leaves_a_newer_one_alone(self, dba: Administrator) -> None:
        dba.lay_down()
        with dba.database.admin() as admin:
            admin.execute("INSERT INTO roleshift.ledger_version (version) VALUES (6)")
        done = dba.run(dba.script(), check=False)
        assert done.returncode != 0
        assert "the ledger has version 6, this script lays down 5" in done.stderr

    def test_it_refuses_another_database(self, dba: Administrator) -> None:
        done = dba.run(dba.script("--database", "production"), check=False)
        assert done.returncode != 0
        assert f"this is database {dba.database.name}, the script is for production" in done.stderr
        assert dba.database.query("SELECT to_regnamespace('roleshift')") == [(None,)]

    async def test_what_the_operator_lays_down_is_the_same(self, dba: Administrator) -> None:
        dba.run(dba.script())
        by_hand = described(dba.database)
        with dba.database.admin() as admin:
            admin.execute("DROP SCHEMA roleshift CASCADE")
        await (await session_on(dba.database.uri)).close()
        async with phases_on(dba.database):
            pass
        dba.database.execute("DELETE FROM roleshift.migration_run")
        assert described(dba.database) == by_hand


def described(database: Database) -> str:
    """The ledger's schema, whoever owns it."""
    dump = database.server.run(
        "pg_dump", "--schema=roleshift", "--no-owner", "--no-acl", "--schema-only", database=database.name
    )
    return "\n".join(
        line for line in dump.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))
    )


class TestTheWayBack:
    async def test_psql_alone_brings_the_old_roles_back(self, dba: Administrator) -> None:
        before = dba.database.row_set_hash("user_profiles")
        async with phases_on(dba.database) as run:
            await run.until(Phase.DONE)
            run_id = run.run.run_id
        told = dba.run(dba.script("--restore", run_id, "--database", dba.database.name)).stdout
        assert "Passed" in told
        assert dba.database.row_set_hash("user_profiles") == before

    async def test_what_people_changed_since_is_left_and_listed(self, dba: Administrator) -> None:
        async with phases_on(dba.database) as run:
            await run.until(Phase.DONE)
            run_id = run.run.run_id
        dba.database.execute("UPDATE user_profiles SET role = 'manager' WHERE id = 8")
        told = dba.run(dba.script("--restore", run_id)).stdout
        assert "[8]" in told
        assert "it was left as it is" in told
        assert dba.database.query("SELECT role FROM user_profiles WHERE id = 8") == [("manager",)]

    async def test_nothing_is_restored_from_an_altered_image(self, dba: Administrator) -> None:
        async with phases_on(dba.database) as run:
            await run.until(Phase.DONE)
            run_id, name = run.run.run_id, run.image_name
        standing = dba.database.row_set_hash("user_profiles")
        dba.database.execute(f"UPDATE roleshift.{name} SET role = 'admin' WHERE key_1 = 1")
        done = dba.run(dba.script("--restore", run_id), check=False)
        assert done.returncode != 0
        assert "was altered since it was made" in done.stderr
        assert dba.database.row_set_hash("user_profiles") == standing

    def test_what_is_no_id_of_a_run_never_gets_into_a_script(self, dba: Administrator) -> None:
        done = dba.sql("--restore", "1'; DROP TABLE user_profiles; --")
        assert (done.returncode, done.stdout) == (2, "")
        assert "is no id of a run" in done.stderr

    def test_it_stands_alone(self, dba: Administrator) -> None:
        done = dba.sql("--restore", "00000000-0000-4000-8000-000000000001", "--role", "worker")
        assert done.returncode == 2
        assert "stands alone" in done.stderr


class TestUsage:
    def test_a_manifest_needs_a_role(self, dba: Administrator) -> None:
        done = dba.sql("-f", dba.manifest())
        assert (done.returncode, done.stdout) == (2, "")
        assert "-f MANIFEST needs --role NAME" in done.stderr

    def test_a_manifest_that_is_not_valid_is_named(self, dba: Administrator) -> None:
        done = dba.sql("-f", dba.manifest(mappings=[]), "--role", "x")
        assert (done.returncode, done.stdout) == (1, "")
        assert "spec.mappings" in done.stderr

    def test_a_file_that_is_not_there(self, dba: Administrator) -> None:
        done = dba.sql("-f", "nowhere.yaml", "--role", "x")
        assert (done.returncode, done.stdout) == (2, "")

    def test_it_says_what_is_left_out(self, dba: Administrator) -> None:
        assert "-- No grants: --role NAME adds those" in dba.script()
