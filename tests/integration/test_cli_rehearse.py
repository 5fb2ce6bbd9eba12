"""`roleshift rehearse -f`: in a transaction that is rolled back; nothing stays, the exit code tells."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from localenv.database import Database
from localenv.wait import wait_until
from support.cases import CANARY, with_password
from support.examinations import JUDGED
from support.ledger_rows import LedgerRows, make_older
from support.markdown import BLOCK
from support.person import Person, dump
from support.sabotage import before_each_update
from support.stage import BROKEN_ASSERTION
from support.tables import USERS, create_user_profiles

PHASES = ["BackingUp", "Migrating", "Validating", "RollingBack"]
ENGINEERS = {
    "mappings": [{"from": "junior_dev", "to": "engineer"}],
    "unmappedRoles": "Keep",
    "schemaChanges": "AddMissing",
    "privileges": {"order": [*JUDGED["order"], "engineer"], "allowEscalation": True},
}
BARRED = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event = 'advisory'"
NEVER = ["replication: what standbys and subscribers make of it"]


@pytest.fixture
def person(tmp_path: Path, database: Database) -> Person:
    create_user_profiles(database, 8)
    return Person(tmp_path, database)


def words(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


def document(person: Person, **changes: Any) -> dict[str, Any]:
    """The report as JSON."""
    done = person.rehearse("-f", person.manifest(**changes), "-o", "json")
    found: dict[str, Any] = json.loads(done.stdout)
    return {"code": done.returncode, **found}


# What goes well


def test_the_whole_run_is_rehearsed_and_nothing_stays(person: Person) -> None:
    before = dump(person.database)
    done = person.rehearse("-f", person.manifest())
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "people/seniority on public.user_profiles"
    assert re.fullmatch(r"Plan sha256:[0-9a-f]{64}", lines[1])
    assert [line.split()[:2] for line in lines[3:7]] == [["✓", phase] for phase in PHASES]
    for said in (
        "in a transaction that was rolled back; nothing of it stays",
        "Rows 8 written",
        "Verifications 10 passed, 0 failed",
        "Whole rows all 8 rows are as before to the last column",
        "s: SHARE ROW EXCLUSIVE",
        "Not rehearsed, and so not known to work: - the COMMIT itself",
    ):
        assert said in words(done.stdout)
    assert lines[-1] == "Everything that was rehearsed went well, forward and back."
    assert dump(person.database) == before
    assert person.database.query("SELECT to_regnamespace('roleshift')") == [(None,)]


def test_a_ledger_that_is_there_stays_as_it_is(person: Person) -> None:
    ledger = LedgerRows(person.database)
    ledger.install()
    before = dump(person.database, "--exclude-table-data=roleshift.*_seq")
    assert person.rehearse("-f", person.manifest()).returncode == 0
    after = dump(person.database, "--exclude-table-data=roleshift.*_seq")
    assert [line for line in after if "setval" not in line] == [
        line for line in before if "setval" not in line
    ]
    assert (ledger.run, ledger.images) == ({}, 0)


def test_columns_that_are_added_are_rehearsed_and_readers_are_warned_of(
    tmp_path: Path, database: Database
) -> None:
    database.execute(USERS)
    person, before = Person(tmp_path, database), dump(database)
    done = person.rehearse("-f", person.manifest(target={"table": "users"}, schemaChanges="AddMissing"))
    assert done.returncode == 0
    assert done.stderr == "while it lasts, readers of public.users wait: columns are added\n"
    assert "ACCESS EXCLUSIVE" in done.stdout
    assert dump(database) == before


@pytest.mark.parametrize("mode", ["Apply", "DryRun", "Rehearse"])
def test_whatever_the_manifests_mode_its_plan_has_the_hash_that_plan_tells(person: Person, mode: str) -> None:
    manifest = person.manifest(mode=mode)
    planned = json.loads(person.plan("-f", manifest, "-o", "json").stdout)["plan"]["hash"]
    rehearsed = json.loads(person.rehearse("-f", manifest, "-o", "json").stdout)
    assert (rehearsed["planHash"], rehearsed["result"]) == (planned, "Completed")


def test_json_tells_all_of_it(person: Person) -> None:
    found = document(person)
    assert (found["code"], found["result"], found["way"], found["reason"]) == (
        0,
        "Completed",
        "Transaction",
        None,
    )
    rehearsal = found["rehearsal"]
    assert [(step["name"], step["result"]) for step in rehearsal["steps"]] == [(p, "Passed") for p in PHASES]
    assert [step["rows"] for step in rehearsal["steps"]] == [8, 8, 8, 8]
    assert {one["result"] for one in rehearsal["validation"]} == {"Passed"}
    assert rehearsal["rows"] == 8
    assert rehearsal["lockSeconds"] > 0
    assert rehearsal["walBytes"] > 0
    row_set = rehearsal["rowSet"]
    assert row_set["before"] == row_set["after"]
    assert (row_set["before"]["rows"], row_set["equal"]) == (8, True)
    assert found["notRehearsed"][-1:] == NEVER
    assert found["gate"]["open"]
    assert found["safety"]["score"] >= 90


def test_markdown_is_for_a_pull_request(person: Person) -> None:
    done = person.rehearse("-f", person.manifest(), "-o", "markdown")
    assert done.returncode == 0
    assert done.stdout.startswith(
        "### Rehearsal of people/seniority on public.user_profiles\n\n:white_check_mark: "
    )
    assert [
        row.split(" | ")[0] for row in re.findall(r"^\| (.*went well.*) \|$", done.stdout, re.M)
    ] == PHASES
    assert "**Not rehearsed, and so not known to work**" in done.stdout
    assert not BLOCK.search(done.stdout)


# What does not


def test_a_closed_gate_is_told_and_nothing_is_rehearsed(person: Person) -> None:
    done = person.rehearse("-f", person.manifest(mappings=[{"from": "junior_dev", "to": "developer"}]))
    assert done.returncode == 3
    assert "The gate is closed, UnmappedRoles" in words(done.stdout)
    assert "Nothing was rehearsed." in done.stdout


def test_a_verification_that_fails_is_a_failed_run(person: Person) -> None:
    before = dump(person.database)
    found = document(person, validation={"assertions": [BROKEN_ASSERTION]})
    assert (found["code"], found["result"], found["reason"]) == (3, "Failed", "ValidationFailed")
    steps = [(step["name"], step["result"]) for step in found["rehearsal"]["steps"]]
    assert steps == [("BackingUp", "Passed"), ("Migrating", "Failed")]
    failed = [one["name"] for one in found["rehearsal"]["validation"] if one["result"] == "Failed"]
    assert failed == ["Assertion/nobody"]
    assert dump(person.database) == before


def test_a_verification_that_fails_is_named_at_the_terminal(person: Person) -> None:
    done = person.rehearse("-f", person.manifest(validation={"assertions": [BROKEN_ASSERTION]}))
    assert done.returncode == 3
    assert "✗ Migrating" in done.stdout
    assert "✗ Assertion/nobody: expected '0', got '8'" in done.stdout
    assert "ValidationFailed: this was a rehearsal, nothing was changed" in words(done.stdout)


def test_a_new_enum_value_has_an_exit_code_of_its_own(person: Person) -> None:
    before = dump(person.database)
    found = document(person, **ENGINEERS)
    assert (found["code"], found["result"], found["reason"]) == (5, "Incomplete", "RehearsalIncomplete")
    assert "roleshift rehearse --clone" in found["message"]
    assert [step["name"] for step in found["rehearsal"]["steps"]] == ["BackingUp"]
    assert dump(person.database) == before


def test_what_this_version_does_not_do_is_refused(person: Person) -> None:
    found = document(person, window={"schedule": "0 2 * * 6", "durationSeconds": 3600})
    assert (found["code"], found["result"]) == (3, "NotBegun")
    assert "spec.window" in found["notSupported"][0]


def test_an_older_ledger_is_not_upgraded_for_a_rehearsal(person: Person) -> None:
    LedgerRows(person.database).install()
    make_older(person.database)
    done = person.rehearse("-f", person.manifest())
    assert done.returncode == 1
    assert "does not upgrade it" in done.stderr
    assert person.database.query("SELECT max(version) FROM roleshift.ledger_version") == [(1,)]


# Others


def test_a_lock_is_waited_for_and_then_time_is_up(person: Person) -> None:
    waived = [{"check": "Locks", "reason": "a test", "expires": "2099-01-01T00:00:00Z"}]
    checks = {"minimumScore": 0, "waivers": waived}
    manifest = person.manifest(strategy={"lockTimeoutSeconds": 1}, checks=checks)
    with person.database.connect() as other:
        other.execute("BEGIN; LOCK TABLE user_profiles IN ROW EXCLUSIVE MODE")
        done = person.rehearse("-f", manifest, "--timeout", "1s")
    assert done.returncode == 6
    assert "error: timed out after 1 s; " in done.stderr
    assert "holds a lock on the table" in done.stderr


def test_a_run_on_the_same_table_is_waited_for(person: Person) -> None:
    with person.database.connect() as operator:
        oid = person.database.query("SELECT 'user_profiles'::regclass::oid::bigint")[0][0]
        operator.execute("SELECT pg_advisory_lock(%s)", [(0x524F4C45 << 32) | oid])
        done = person.rehearse("-f", person.manifest(), "--timeout", "1s")
    assert done.returncode == 6
    assert "another run works on this table" in done.stderr


@contextmanager
def running(person: Person, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command beside the test."""
    command = [sys.executable, "-m", "roleshift", "rehearse", *arguments]
    with subprocess.Popen(
        command, env=person.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_one_that_is_interrupted_leaves_nothing(person: Person, number: signal.Signals) -> None:
    before_each_update(person.database, "PERFORM pg_advisory_xact_lock_shared(4242);")
    before = dump(person.database)
    with person.database.admin() as holder:
        holder.execute("SELECT pg_advisory_lock(4242)")
        with running(person, "-f", person.manifest(checks={"minimumScore": 0})) as process:

            def is_barred() -> bool:
                return holder.execute(BARRED, [person.database.name]).fetchone() == (1,)

            wait_until(is_barred, 30, "it is in the middle of its write")
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        if number is not signal.SIGKILL:
            assert (process.returncode, errors) == (1, "error: interrupted; nothing of the rehearsal stays\n")
            wait_until(lambda: not is_barred(), 10, "nobody waits in the database any more")
        holder.execute("SELECT pg_advisory_unlock(4242)")
        wait_until(lambda: dump(person.database) == before, 10, "nothing stays")


def test_no_password_is_told(person: Person) -> None:
    person.database = with_password(person.database, CANARY)
    person.variables["ROLESHIFT_DATABASE_URI"] = person.database.uri
    for form in ("text", "json", "markdown"):
        done = person.rehearse("-f", person.manifest(), "-o", form)
        assert done.returncode == 0
        assert "Canary" not in done.stdout + done.stderr


def test_an_older_server_rehearses_too(tmp_path: Path, database16: Database) -> None:
    create_user_profiles(database16, 8)
    person, before = Person(tmp_path, database16), dump(database16)
    assert person.rehearse("-f", person.manifest(checks={"minimumScore": 80})).returncode == 0
    assert dump(database16) == before


def test_a_folder_of_programs_without_a_clone_is_a_wrong_call(person: Person) -> None:
    done = person.rehearse("-f", person.manifest(), "--pg-bin", str(person.folder))
    assert done.returncode == 2
    assert "--clone only" in done.stderr
