"""`roleshift rehearse --clone`: everything really happens, on a database of its own that goes again."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from localenv.database import Database
from localenv.postgres import PostgresServer
from localenv.wait import wait_until
from roleshift.postgres.clone import PREFIX
from support.cases import CANARY, CANARY_AS_A_WORD, with_password
from support.examinations import JUDGED
from support.ledger_rows import LedgerRows
from support.person import Person, dump
from support.stage import BROKEN_ASSERTION
from support.tables import USERS, create_user_profiles

PHASES = ["Checking", "BackingUp", "Migrating", "Validating", "RollingBack"]
ENGINEERS = {
    "mappings": [{"from": "junior_dev", "to": "engineer"}],
    "unmappedRoles": "Keep",
    "schemaChanges": "AddMissing",
    "privileges": {"order": [*JUDGED["order"], "engineer"], "allowEscalation": True},
}


def may_create_databases(database: Database) -> None:
    with database.admin() as admin:
        admin.execute(f"ALTER ROLE {database.owner} CREATEDB")


def clones(server: PostgresServer) -> int:
    """How many databases there are that a rehearsal has made."""
    with server.connect() as session:
        row = session.execute("SELECT count(*) FROM pg_database WHERE datname ^@ %s", [PREFIX]).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def person(tmp_path: Path, database: Database) -> Person:
    """Somebody whose role may create databases."""
    create_user_profiles(database, 8)
    may_create_databases(database)
    return Person(tmp_path, database)


@contextmanager
def occupied(person: Person, statement: str = "SELECT 1") -> Iterator[psycopg.Connection[Any]]:
    """Somebody else is connected, so that the files can't be copied."""
    with person.database.connect() as other:
        other.execute(f"BEGIN; {statement}")
        yield other


def programs(server: PostgresServer) -> str:
    return f"--pg-bin={server.program('pg_dump').parent}"


def on_clone(person: Person, *arguments: str, **changes: Any) -> dict[str, Any]:
    """The report as JSON, and the exit code."""
    manifest = person.manifest(**changes)
    done = person.rehearse(
        "-f", manifest, "--clone", "-o", "json", programs(person.database.server), *arguments
    )
    assert done.stdout, done.stderr
    return {"code": done.returncode, **json.loads(done.stdout)}


def assert_there_and_back(found: dict[str, Any], way: str, rows: int = 8) -> None:
    """It went well forward and back, and whole rows are as they were."""
    assert (found["code"], found["result"], found["way"]) == (0, "Completed", way), found["message"]
    rehearsal = found["rehearsal"]
    assert [(step["name"], step["result"]) for step in rehearsal["steps"]] == [(p, "Passed") for p in PHASES]
    assert rehearsal["rows"] == rows
    assert rehearsal["rowSet"]["equal"]
    assert rehearsal["rowSet"]["before"] == rehearsal["rowSet"]["after"]


# What goes well


def test_files_are_copied_where_nobody_is_connected(person: Person) -> None:
    before = dump(person.database)
    found = on_clone(person)
    assert_there_and_back(found, "CloneByTemplate")
    assert not [said for said in found["notRehearsed"] if "COMMIT" in said or said.startswith("rights")]
    assert dump(person.database) == before
    assert clones(person.database.server) == 0


def test_a_dump_is_restored_where_somebody_is_connected(person: Person) -> None:
    before = dump(person.database)
    with occupied(person):
        found = on_clone(person)
    assert_there_and_back(found, "CloneByDump")
    assert [said for said in found["notRehearsed"] if said.startswith("rights: in the clone")]
    assert dump(person.database) == before
    assert clones(person.database.server) == 0


@pytest.mark.parametrize("way", ["CloneByTemplate", "CloneByDump"])
def test_new_enum_values_are_rehearsed(person: Person, way: str) -> None:
    before = dump(person.database)
    if way == "CloneByDump":
        with occupied(person):
            found = on_clone(person, **ENGINEERS)
    else:
        found = on_clone(person, **ENGINEERS)
    assert_there_and_back(found, way, rows=2)
    assert dump(person.database) == before


def test_columns_that_are_added_stay_out_of_the_comparison(tmp_path: Path, database: Database) -> None:
    database.execute(USERS)
    may_create_databases(database)
    person = Person(tmp_path, database)
    found = on_clone(person, target={"table": "users"}, schemaChanges="AddMissing")
    assert_there_and_back(found, "CloneByTemplate", rows=1000)


def test_a_run_that_is_active_in_the_database_is_no_rival_in_the_clone(person: Person) -> None:
    LedgerRows(person.database).install()
    person.database.execute("""
        INSERT INTO roleshift.migration_run (run_id, cluster_uid, namespace, name, spec_hash, manifest_hash,
            attempt, object_uid, database_identity, phase, reason, active, target_oid)
        VALUES (gen_random_uuid(), 'elsewhere', 'people', 'other', '', '', 1, '', '', 'Migrating',
            'Migrating', true, 'user_profiles'::regclass)
    """)
    found = on_clone(person, checks={"minimumScore": 0})
    assert_there_and_back(found, "CloneByTemplate")
    assert person.database.query("SELECT count(*) FROM roleshift.migration_run WHERE active") == [(1,)]


def test_a_superuser_keeps_owners_and_rights(person: Person) -> None:
    person.variables["ROLESHIFT_DATABASE_URI"] = f"{person.database.admin_uri}"
    with occupied(person):
        done = person.rehearse(
            "-f",
            person.manifest(connection={"sslMode": "Disable"}),
            "--clone",
            "-o",
            "json",
            programs(person.database.server),
        )
    found = json.loads(done.stdout)
    assert_there_and_back({"code": done.returncode, **found}, "CloneByDump")
    assert not [said for said in found["notRehearsed"] if said.startswith("rights")]


def test_an_older_server_is_cloned_by_programs_of_its_own_version(
    tmp_path: Path, database16: Database, postgres: PostgresServer
) -> None:
    create_user_profiles(database16, 8)
    may_create_databases(database16)
    person = Person(tmp_path, database16)
    with occupied(person):
        assert_there_and_back(on_clone(person, checks={"minimumScore": 80}), "CloneByDump")
        newer = person.rehearse(
            "-f", person.manifest(checks={"minimumScore": 80}), "--clone", programs(postgres)
        )
    assert newer.returncode == 2
    assert "pg_dump and pg_restore of version 16, and" in newer.stderr
    assert clones(database16.server) == 0


def test_people_read_how_it_was_done(person: Person) -> None:
    done = person.rehearse("-f", person.manifest(), "--clone")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines()[3:8]] == PHASES
    assert "Rehearsed on a copy of the database's files that was dropped" in done.stdout
    assert done.stdout.endswith("Everything that was rehearsed went well, forward and back.\n")


# What does not


def test_a_verification_that_fails_is_a_failed_run(person: Person) -> None:
    before = dump(person.database)
    found = on_clone(person, validation={"assertions": [BROKEN_ASSERTION]})
    assert (found["code"], found["result"], found["reason"]) == (3, "Failed", "ValidationFailed")
    assert found["rehearsal"]["steps"][-1]["name"] == "Migrating"
    assert dump(person.database) == before
    assert clones(person.database.server) == 0


def test_a_closed_gate_makes_no_clone(person: Person) -> None:
    found = on_clone(person, mappings=[{"from": "junior_dev", "to": "developer"}])
    assert (found["code"], found["result"], found["way"]) == (3, "NotBegun", None)


def test_without_the_right_to_create_a_database_it_says_so(tmp_path: Path, database: Database) -> None:
    create_user_profiles(database, 8)
    person = Person(tmp_path, database)
    done = person.rehearse("-f", person.manifest(), "--clone")
    assert done.returncode == 1
    assert f'run ALTER ROLE "{database.owner}" CREATEDB' in done.stderr


def test_without_programs_of_the_servers_version_it_says_so(person: Person, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 12.1'\n")
        (folder / name).chmod(0o755)
    with occupied(person):
        done = person.rehearse("-f", person.manifest(), "--clone", f"--pg-bin={folder}")
        empty = person.rehearse("-f", person.manifest(), "--clone", f"--pg-bin={tmp_path}")
    assert (done.returncode, empty.returncode) == (2, 2)
    assert "pg_dump and pg_restore of version 18 or newer" in done.stderr
    assert "are of version 12" in done.stderr
    assert "name their folder with --pg-bin" in empty.stderr
    assert clones(person.database.server) == 0


def test_a_role_that_may_not_read_everything_is_told_what_pg_dump_said(person: Person) -> None:
    with person.database.admin() as admin:
        admin.execute("CREATE TABLE secrets (id int)")
    with occupied(person):
        done = person.rehearse("-f", person.manifest(), "--clone", programs(person.database.server))
    assert done.returncode == 1
    assert "error: pg_dump failed: " in done.stderr
    assert "permission denied for table secrets" in done.stderr
    assert clones(person.database.server) == 0


def test_what_the_clone_can_not_take_is_told_as_pg_restore_said_it(person: Person) -> None:
    """A trusted language is there for the superuser only; its owner can't be restored by another role."""
    with person.database.admin() as admin:
        admin.execute("""
            CREATE FUNCTION strange() RETURNS void LANGUAGE internal AS 'pg_backend_pid';
            GRANT EXECUTE ON FUNCTION strange TO public;
        """)
    with occupied(person):
        done = person.rehearse("-f", person.manifest(), "--clone", programs(person.database.server))
    assert done.returncode == 1
    assert "error: pg_restore failed: " in done.stderr
    assert clones(person.database.server) == 0


# Interrupted, and what is shown meanwhile


@contextmanager
def dumping(person: Person) -> Iterator[subprocess.Popen[str]]:
    """The command beside the test, while its pg_dump waits for a table."""
    arguments = ["-f", person.manifest(), "--clone", programs(person.database.server)]
    with (
        occupied(person, "CREATE TABLE held (id int); COMMIT; BEGIN; LOCK TABLE held"),
        subprocess.Popen(
            [sys.executable, "-m", "roleshift", "rehearse", *arguments],
            env=person.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            wait_until(lambda: waits_for_a_table(person), 60, "pg_dump waits for the table")
            yield process
        finally:
            process.kill()


def waits_for_a_table(person: Person) -> bool:
    """Whether a dump of the database is held."""
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
            AND application_name = 'roleshift rehearse'
    """
    return person.database.query(query) == [(1,)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_is_interrupted_drops_its_clone(person: Person, number: signal.Signals) -> None:
    with dumping(person) as process:
        assert clones(person.database.server) == 1
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (1, "error: interrupted; nothing of the rehearsal stays\n")
        assert clones(person.database.server) == 0
        assert not [child for child in children if child.is_running()]
        wait_until(lambda: not waits_for_a_table(person), 10, "nobody waits in the database any more")


def test_no_argument_and_no_environment_of_a_program_has_the_password(person: Person) -> None:
    person.database = with_password(person.database, CANARY)
    person.variables = {"ROLESHIFT_DATABASE_URI": ""}
    file = person.folder / "uri"
    file.write_text(person.database.uri)
    arguments = [
        "-f",
        person.manifest(),
        "--clone",
        programs(person.database.server),
        f"--database-uri-file={file}",
    ]
    with (
        occupied(person, "CREATE TABLE held (id int); COMMIT; BEGIN; LOCK TABLE held"),
        subprocess.Popen(
            [sys.executable, "-m", "roleshift", "rehearse", *arguments],
            env={k: v for k, v in person.environment.items() if v},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        wait_until(lambda: waits_for_a_table(person), 60, "pg_dump waits for the table")
        every = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        assert {"pg_dump", "pg_restore"} <= {one.name() for one in every}
        for one in every:
            assert CANARY_AS_A_WORD not in str(one.cmdline())
            assert CANARY_AS_A_WORD not in str(one.environ())
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert CANARY_AS_A_WORD not in out + errors
    assert clones(person.database.server) == 0
