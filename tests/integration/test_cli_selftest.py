"""`roleshift selftest`: the real phases on a scratch table, every step told, and nothing of it left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localenv.database import Database
from localenv.repository import PROGRAM_FOLDER
from localenv.wait import wait_until
from roleshift.api import Phase
from support.cases import CANARY, with_password
from support.ledger_rows import LedgerRows, make_older
from support.run_phases import phases_on
from support.tables import create_user_profiles

STEPS = [
    "Connect",
    "Create",
    "Register",
    "Check",
    "Back up",
    "Change",
    "Verify",
    "Validate",
    "Restore",
    "Compare",
]
SECONDS = 60


def environment(uri: str = "", **variables: str) -> dict[str, str]:
    """A person's environment, with the database in the variable."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    named = {"ROLESHIFT_DATABASE_URI": uri} if uri else {}
    return {**own, "PYTHONPATH": str(PROGRAM_FOLDER), "PYTHONUNBUFFERED": "1", **named, **variables}


def selftest(uri: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it to the end."""
    return subprocess.run(
        [sys.executable, "-m", "roleshift", "selftest", *arguments],
        env=environment(uri, **variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def running(uri: str) -> Iterator[subprocess.Popen[str]]:
    """Run it beside the test."""
    command = [sys.executable, "-m", "roleshift", "selftest"]
    with subprocess.Popen(
        command, env=environment(uri), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def everything(database: Database) -> str:
    """All that a dump shows; counters of identity columns go on, whatever becomes of their rows."""
    dump = database.server.run("pg_dump", database=database.name)
    skipped = ("\\restrict", "\\unrestrict", "SELECT pg_catalog.setval")
    return "\n".join(line for line in dump.splitlines() if not line.startswith(skipped))


def test_every_step_passes_and_nothing_is_left(database: Database) -> None:
    create_user_profiles(database, 8)
    before = everything(database)
    done = selftest(database.uri)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line[2:11].strip() for line in lines] == [*STEPS, "Remove"]
    assert {line[0] for line in lines} == {"✓"}
    assert everything(database) == before


def test_a_ledger_that_was_there_stays_with_its_rows(database: Database) -> None:
    create_user_profiles(database, 8)
    LedgerRows(database).install()
    before = everything(database)
    assert selftest(database.uri).returncode == 0
    assert everything(database) == before


async def test_it_runs_beside_other_runs(database: Database) -> None:
    create_user_profiles(database, 8)
    async with phases_on(database) as run:
        await run.until(Phase.MIGRATING)
        assert selftest(database.uri).returncode == 0
        await run.until(Phase.DONE)


def test_an_empty_schema_of_a_dba_stays(database: Database) -> None:
    database.execute("CREATE SCHEMA roleshift; COMMENT ON SCHEMA roleshift IS 'ours'")
    before = everything(database)
    assert selftest(database.uri).returncode == 0
    assert everything(database) == before


def test_an_older_server_passes_too(database16: Database) -> None:
    before = everything(database16)
    assert selftest(database16.uri).returncode == 0
    assert everything(database16) == before


def test_json_tells_the_same(database: Database) -> None:
    done = selftest(database.uri, "-o", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["outcome"]) == (0, "Passed")
    assert [step["name"] for step in document["steps"]] == [*STEPS, "Remove"]
    assert {step["result"] for step in document["steps"]} == {"Passed"}
    assert all(step["message"] and step["seconds"] >= 0 for step in document["steps"])


def test_a_step_that_fails_is_told_and_nothing_is_left(database: Database) -> None:
    """An event trigger undoes the image as it is made."""
    with database.admin() as admin:
        admin.execute("""
            CREATE FUNCTION no_images() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'no images here' USING ERRCODE = '53100';
            END $$;
            CREATE EVENT TRIGGER no_images ON ddl_command_end WHEN TAG IN ('CREATE TABLE AS')
                EXECUTE FUNCTION no_images();
        """)
    before = everything(database)
    done = selftest(database.uri, "-o", "json")
    steps = json.loads(done.stdout)["steps"]
    assert done.returncode == 1
    assert [(step["name"], step["result"]) for step in steps][-2:] == [
        ("Check", "Failed"),
        ("Remove", "Passed"),
    ]
    assert "no images here" in steps[-2]["message"]
    assert everything(database) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(database: Database, number: signal.Signals) -> None:
    LedgerRows(database).install()
    before = everything(database)
    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'roleshift/roleshift/selftest' AND wait_event_type = 'Lock'"
    )
    with database.connect() as busy, running(database.uri) as process:
        busy.execute("BEGIN; LOCK TABLE roleshift.migration_backup IN ACCESS EXCLUSIVE MODE")
        wait_until(lambda: database.query(waits) == [(1,)], SECONDS, "it waits in the middle of a step")
        process.send_signal(number)
        assert process.stdout is not None
        for line in process.stdout:
            if "interrupted" in line:
                break
        busy.execute("ROLLBACK")
        rest, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (1, "")
    assert "✓ Remove    nothing is left" in rest
    assert everything(database) == before


class TestRefused:
    def test_a_role_that_may_not_create_a_schema(self, database: Database) -> None:
        role = f"{database.name}_reader"
        database.server.create_role(role, "reader")
        done = selftest(database.server.uri(database.name, role, "reader", sslmode="disable"))
        assert done.returncode == 1
        assert "✗ Create    permission denied for database" in done.stdout
        assert "✓ Remove    nothing is left" in done.stdout

    def test_a_ledger_that_the_role_may_not_tidy(self, database: Database) -> None:
        LedgerRows(database).install()
        role = f"{database.name}_worker"
        database.server.create_role(role, "worker")
        with database.admin() as admin:
            admin.execute(f"GRANT CREATE ON DATABASE {database.name} TO {role}")
            admin.execute(f"GRANT USAGE, CREATE ON SCHEMA roleshift TO {role}")
            admin.execute(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA roleshift TO {role}")
        before = everything(database)
        done = selftest(database.server.uri(database.name, role, "worker", sslmode="disable"))
        assert done.returncode == 1
        assert "the role may not remove its own rows of the ledger again" in done.stdout
        assert everything(database) == before

    def test_an_older_ledger(self, database: Database) -> None:
        LedgerRows(database).install()
        make_older(database)
        before = everything(database)
        done = selftest(database.uri)
        assert done.returncode == 1
        assert "the ledger has version 1" in done.stdout
        assert everything(database) == before

    def test_a_database_that_is_not_there(self, database: Database) -> None:
        done = selftest(database.uri.replace(database.name + "?", "nowhere?"))
        assert done.returncode == 1
        assert "✗ Connect" in done.stdout

    def test_no_database_at_all(self) -> None:
        done = selftest("")
        assert (done.returncode, done.stdout) == (2, "")
        assert "no database is named: set ROLESHIFT_DATABASE_URI" in done.stderr


def test_the_password_is_shown_nowhere(database: Database, tmp_path: Path) -> None:
    known = with_password(database, CANARY)
    file = tmp_path / "uri"
    file.write_text(known.uri)
    done = selftest("", f"--database-uri-file={file}")
    assert done.returncode == 0
    wrong = selftest(known.uri.replace("CanaryInTheMine", "CanaryInTheMineX"))
    assert wrong.returncode == 1
    assert "CanaryInTheMine" not in done.stdout + done.stderr + wrong.stdout + wrong.stderr


def test_the_servers_own_variables_name_the_database(database: Database) -> None:
    server = database.server
    done = selftest(
        "",
        PGHOST=server.host,
        PGPORT=str(server.port),
        PGDATABASE=database.name,
        PGUSER=database.owner,
        PGPASSWORD=database.password,
        PGSSLMODE="disable",
    )
    assert (done.returncode, done.stderr) == (0, "")
