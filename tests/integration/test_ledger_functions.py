"""The functions in the ledger's schema: a person at psql validates and restores with nothing else."""

from typing import Any

import psycopg
import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.outcome import Advance
from roleshift.postgres import functions, ledger_schema
from support.run_phases import phases_on, spec_of
from support.sabotage import before_each_update, once_it_is_verified
from support.tables import create_user_profiles

TABLE = "user_profiles"
PASSED = dict.fromkeys(("BackupChecksum", "Completeness", "RowValues", "ForeignKeys"), "Passed")
CHECKSUMS = {
    "run_parts(uuid)": "55dcea3eba20",
    "validate_run(uuid)": "daf2eec33848",
    "restore_run(uuid)": "5ffa661751ce",
}


async def migrated(database: Database, **changes: Any) -> str:
    """Lead a run to Done; its id."""
    async with phases_on(database, spec_of(**changes)) as run:
        await run.until(Phase.DONE)
        return run.run.run_id


def validated(database: Database, run_id: str) -> dict[str, tuple[str, str]]:
    """Result and message of each thing that validate_run looks at."""
    rows = database.query("SELECT name, result, message FROM roleshift.validate_run(%s)", [run_id])
    return {name: (result, message) for name, result, message in rows}


def results(database: Database, run_id: str) -> dict[str, str]:
    return {name: result for name, (result, _) in validated(database, run_id).items()}


def restored(database: Database, run_id: str) -> tuple[int, ...]:
    """Rows restored, born rows restored, conflicts, deleted."""
    (row,) = database.query("SELECT * FROM roleshift.restore_run(%s)", [run_id])
    return row


class TestValidateRun:
    async def test_a_finished_run_passes(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        assert results(profiles, run_id) == PASSED

    async def test_whatever_the_settings_of_the_session_are(self, profiles: Database) -> None:
        profiles.execute("ALTER TABLE user_profiles ALTER role_migrated_at TYPE timestamp(0)")
        run_id = await migrated(profiles)
        profiles.execute(f"ALTER DATABASE {profiles.name} SET TimeZone = 'Asia/Kathmandu'")
        profiles.execute(f"ALTER DATABASE {profiles.name} SET DateStyle = 'SQL, DMY'")
        profiles.execute(f"ALTER DATABASE {profiles.name} SET search_path = ''")
        assert results(profiles, run_id) == PASSED

    async def test_a_row_that_somebody_changed_is_named(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        profiles.execute("UPDATE user_profiles SET role = 'junior_dev' WHERE id = 8")
        result, message = validated(profiles, run_id)["RowValues"]
        assert result == "Warning"
        assert "0 rows were written wrongly, 1 hold other values" in message
        assert message.endswith("[8]")

    async def test_a_login_is_no_change(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        profiles.execute("UPDATE user_profiles SET note = 'seen'")
        assert results(profiles, run_id) == PASSED

    async def test_a_deleted_row_is_counted(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        profiles.execute("DELETE FROM user_profiles WHERE id = 8")
        assert results(profiles, run_id) == {**PASSED, "Completeness": "Warning"}

    async def test_what_the_runs_own_transaction_wrote_wrongly_has_failed(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            await run.until(Phase.MIGRATING)
            once_it_is_verified(
                profiles, "Migrating", "UPDATE user_profiles SET role = 'admin' WHERE id = 8;"
            )
            await run.migrate()
            result, message = validated(profiles, run.run.run_id)["RowValues"]
        assert result == "Failed"
        assert message.startswith("1 rows were written wrongly, 0 hold")

    async def test_a_row_that_was_never_written_has_failed(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        with profiles.admin() as admin:
            (image,) = admin.execute("SELECT name FROM roleshift.migration_backup").fetchone() or ("",)
            admin.execute("UPDATE user_profiles SET role = 'junior_dev' WHERE id = 8")
            admin.execute(
                f"UPDATE roleshift.{image} SET row_version = (SELECT xmin::text::bigint FROM user_profiles"
                " WHERE id = 8) WHERE key_1 = 8"
            )
        found = results(profiles, run_id)
        assert (found["Completeness"], found["BackupChecksum"]) == ("Failed", "Failed")

    async def test_an_altered_image_is_found(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        (image,) = profiles.query("SELECT name FROM roleshift.migration_backup")[0]
        profiles.execute(f"UPDATE roleshift.{image} SET role = 'admin' WHERE key_1 = 8")
        assert results(profiles, run_id)["BackupChecksum"] == "Failed"

    async def test_a_broken_reference_is_found(self, profiles: Database) -> None:
        profiles.execute(
            "CREATE TABLE roles (name user_role PRIMARY KEY);"
            "INSERT INTO roles SELECT unnest(enum_range(NULL::user_role));"
            "ALTER TABLE user_profiles ADD CONSTRAINT known_role FOREIGN KEY (role) REFERENCES roles"
        )
        run_id = await migrated(profiles)
        assert results(profiles, run_id) == PASSED
        with profiles.admin() as admin:
            admin.execute("SET session_replication_role = replica")
            admin.execute("DELETE FROM roles WHERE name = 'developer'")
        assert validated(profiles, run_id)["ForeignKeys"] == (
            "Failed",
            "more rows refer to nothing than before the run: known_role: 20",
        )

    async def test_a_run_that_wrote_nothing_is_said_so(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            with pytest.raises(psycopg.errors.RaiseException, match="has no image"):
                validated(profiles, run.run.run_id)
            await run.until(Phase.MIGRATING)
            with pytest.raises(psycopg.errors.RaiseException, match="wrote nothing"):
                validated(profiles, run.run.run_id)
        nobody = "00000000-0000-4000-8000-000000000001"
        with pytest.raises(psycopg.errors.RaiseException, match="the ledger has no run"):
            validated(profiles, nobody)

    async def test_text_of_the_ledger_is_never_run(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        evil = "text); DROP TABLE user_profiles; --"
        profiles.execute(
            "UPDATE roleshift.migration_run SET plan = jsonb_set(jsonb_set("
            "plan, '{shape,role,type_name}', to_jsonb(%s::text)),"
            " '{proof,cells,0,to_role}', to_jsonb(%s::text))",
            [evil, "developer'; DROP TABLE user_profiles; --"],
        )
        assert results(profiles, run_id) == PASSED
        assert restored(profiles, run_id)[0] == 40
        assert profiles.query("SELECT count(*) FROM user_profiles") == [(40,)]


class TestRestoreRun:
    async def test_every_row_comes_back(self, profiles: Database) -> None:
        before = profiles.row_set_hash(TABLE)
        run_id = await migrated(profiles)
        assert profiles.row_set_hash(TABLE) != before
        assert restored(profiles, run_id) == (40, 0, 0, 0)
        assert profiles.row_set_hash(TABLE) == before
        assert restored(profiles, run_id) == (0, 0, 0, 0)

    async def test_what_others_changed_is_left_and_named(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        profiles.execute("UPDATE user_profiles SET role = 'admin' WHERE id = 8")
        profiles.execute("UPDATE user_profiles SET note = 'seen' WHERE id = 9")
        profiles.execute("DELETE FROM user_profiles WHERE id = 10")
        profiles.execute(
            "INSERT INTO user_profiles (id, email, role) VALUES (50, 'y', 'lead'), (51, 'x', 'developer')"
        )
        assert restored(profiles, run_id) == (38, 1, 1, 1)
        roles = "SELECT role::text FROM user_profiles WHERE id IN (8, 9, 50, 51) ORDER BY id"
        assert profiles.query(roles) == [("admin",), ("senior_dev",), ("manager",), ("developer",)]
        assert profiles.query(
            "SELECT kind, row_key, rows_restored, conflicts, requested_by = session_user"
            " FROM roleshift.migration_rollback_log ORDER BY id"
        ) == [("FunctionConflict", [8], None, None, True), ("FunctionResult", None, 39, 1, True)]

    async def test_the_operator_agrees_afterwards(self, profiles: Database) -> None:
        before = profiles.row_set_hash(TABLE)
        async with phases_on(profiles) as run:
            await run.until(Phase.DONE)
            assert restored(profiles, run.run.run_id) == (40, 0, 0, 0)
            assert isinstance(await run.roll_back(), Advance)
            assert run.run.rollback is not None
            assert (run.run.phase, run.run.rollback.remaining) == (Phase.ROLLED_BACK, 0)
        assert profiles.row_set_hash(TABLE) == before

    async def test_triggers_find_their_tables(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        profiles.execute("CREATE TABLE audit (id bigint)")
        before_each_update(profiles, "INSERT INTO audit VALUES (NEW.id);")
        assert restored(profiles, run_id) == (40, 0, 0, 0)
        assert profiles.query("SELECT count(*) FROM audit") == [(40,)]

    async def test_a_trigger_that_swallows_rows_undoes_all_of_it(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        after = profiles.row_set_hash(TABLE)
        before_each_update(profiles, "IF NEW.id = 4 THEN RETURN NULL; END IF;")
        with pytest.raises(psycopg.errors.RaiseException, match="1 rows are not as in the image"):
            restored(profiles, run_id)
        assert profiles.row_set_hash(TABLE) == after

    async def test_an_altered_image_is_refused(self, profiles: Database) -> None:
        run_id = await migrated(profiles)
        (image,) = profiles.query("SELECT name FROM roleshift.migration_backup")[0]
        profiles.execute(f"UPDATE roleshift.{image} SET role = 'admin' WHERE key_1 = 8")
        with pytest.raises(psycopg.errors.RaiseException, match="nothing was restored from it"):
            restored(profiles, run_id)

    async def test_a_run_at_work_is_refused(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            await run.until(Phase.VALIDATING)
            with pytest.raises(psycopg.errors.RaiseException, match="is at work, in phase Validating"):
                restored(profiles, run.run.run_id)


async def test_odd_names_and_types_are_no_trouble(database: Database) -> None:
    database.execute("""
        CREATE SCHEMA "Po""ple %s";
        CREATE DOMAIN "Po""ple %s"."Ro'le" AS varchar(20);
        CREATE TABLE "Po""ple %s"."Us'ers %(x)s" (
            "K 1" timestamptz, "k%2" numeric, "Ro;le" "Po""ple %s"."Ro'le", PRIMARY KEY ("K 1", "k%2")
        );
        INSERT INTO "Po""ple %s"."Us'ers %(x)s"
        SELECT '2020-01-01'::timestamptz + n * '1 h'::interval, n, 'a\\''' || (n % 2)
        FROM generate_series(1, 10) AS n;
    """)
    columns = {"role": "Ro;le", "previousRole": "", "seniority": "", "migratedAt": ""}
    target = {"schema": 'Po"ple %s', "table": "Us'ers %(x)s", "columns": columns}
    mappings = [{"from": "a\\'0", "to": 'b"\\'}]
    before = database.row_set_hash("Us'ers %(x)s", schema='Po"ple %s')
    run_id = await migrated(database, target=target, mappings=mappings, unmappedRoles="Keep")
    assert results(database, run_id) == PASSED
    assert restored(database, run_id) == (5, 0, 0, 0)
    assert database.row_set_hash("Us'ers %(x)s", schema='Po"ple %s') == before


async def test_a_partitioned_table_with_a_key_of_two_columns(database: Database) -> None:
    database.execute("""
        CREATE TABLE users (tenant text, id uuid, role varchar(20), PRIMARY KEY (tenant, id))
            PARTITION BY LIST (tenant);
        CREATE TABLE users_a PARTITION OF users FOR VALUES IN ('a');
        CREATE TABLE users_rest PARTITION OF users DEFAULT;
        INSERT INTO users SELECT chr(97 + n % 3), gen_random_uuid(), 'old' FROM generate_series(1, 30) AS n;
    """)
    columns = {"previousRole": "", "seniority": "", "migratedAt": ""}
    before = database.row_set_hash("users")
    run_id = await migrated(
        database,
        target={"table": "users", "columns": columns, "userColumn": "id"},
        mappings=[{"from": "old", "to": "new"}],
    )
    assert results(database, run_id) == PASSED
    assert restored(database, run_id) == (30, 0, 0, 0)
    assert database.row_set_hash("users") == before


async def test_a_table_that_took_the_name_is_not_touched(profiles: Database) -> None:
    run_id = await migrated(profiles)
    profiles.execute("ALTER TABLE user_profiles RENAME TO older; CREATE TABLE user_profiles (LIKE older)")
    with pytest.raises(psycopg.errors.RaiseException, match="is not the table that was migrated"):
        restored(profiles, run_id)


async def test_a_column_that_is_gone_is_named(profiles: Database) -> None:
    run_id = await migrated(profiles)
    profiles.execute("ALTER TABLE user_profiles DROP COLUMN seniority_level")
    with pytest.raises(psycopg.errors.RaiseException, match="has no column seniority_level any more"):
        validated(profiles, run_id)


async def test_they_are_of_one_text_on_an_older_server(database16: Database) -> None:
    create_user_profiles(database16, 40)
    before = database16.row_set_hash(TABLE)
    run_id = await migrated(database16)
    assert results(database16, run_id) == PASSED
    assert restored(database16, run_id) == (40, 0, 0, 0)
    assert database16.row_set_hash(TABLE) == before


def test_a_changed_function_takes_a_new_version_of_the_ledger() -> None:
    """When this fails: raise ledger_schema.VERSION and FUNCTIONS_VERSION, then note the new checksums."""
    assert (ledger_schema.VERSION, functions.FUNCTIONS_VERSION) == (5, 3)
    assert {one.signature: functions.checksum_of(one)[:12] for one in functions.FUNCTIONS} == CHECKSUMS
