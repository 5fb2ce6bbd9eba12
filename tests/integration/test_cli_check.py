"""`roleshift check -f`: the checks without a cluster, by hand or in a pull request; it writes nothing."""

import json
import re
from pathlib import Path

import pytest
import yaml

from localenv.database import Database
from localenv.ports import free_port
from localenv.repository import ROOT
from roleshift.api.safety import CheckName
from support.cases import CANARY, with_password
from support.person import Person, dump
from support.tables import create_user_profiles

README = ROOT / "README.md"
NO_DATABASE = "no database is named: set ROLESHIFT_DATABASE_URI"


@pytest.fixture
def person(tmp_path: Path, database: Database) -> Person:
    create_user_profiles(database, 8)
    return Person(tmp_path, database)


def test_an_open_gate_is_shown_with_every_check_and_nothing_is_written(person: Person) -> None:
    before = dump(person.database)
    done = person.check("-f", person.manifest())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("people/seniority on public.user_profiles\n\nDatabase\n  ✓ ServerVersion ")
    assert [name for name in CheckName if f" {name} " not in done.stdout] == []
    assert "Safety score" in done.stdout
    assert "The gate is open: 8 rows would change. Nothing was written." in done.stdout
    assert dump(person.database) == before


def test_a_closed_gate_has_an_exit_code_of_its_own(person: Person) -> None:
    person.database.execute("ALTER TABLE user_profiles DROP COLUMN previous_role")
    done = person.check("-f", person.manifest())
    assert done.returncode == 3
    assert "✗ MigrationColumns" in done.stdout
    assert "  schemaChanges: AddMissing" in done.stdout
    assert "The gate is closed, MigrationColumnsMissing: MigrationColumns: " in done.stdout


def test_json_is_what_the_status_would_be(person: Person) -> None:
    done = person.check("-f", person.manifest(), "-o", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["gate"] == {"open": True, "minimumScore": 90}
    assert report["safety"]["failed"] == 0
    assert {one["name"] for one in report["safety"]["results"]} == set(CheckName)
    assert report["plan"]["rows"] == 8
    assert report["plan"]["hash"].startswith("sha256:")


def test_json_says_why_the_gate_is_closed(person: Person) -> None:
    done = person.check("-f", person.manifest(target={"table": "user_profile"}), "-o", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 3
    assert (report["gate"]["open"], report["gate"]["reason"]) == (False, "TableNotFound")
    assert "public.user_profiles" in report["gate"]["message"]
    assert report["plan"] is None


def test_what_is_not_built_yet_is_named_and_closes_the_gate(person: Person) -> None:
    done = person.check("-f", person.manifest(window={"schedule": "0 2 * * 6", "durationSeconds": 60}))
    assert done.returncode == 3
    assert "Not supported: spec.window asks for something" in done.stdout
    assert "The gate is open" not in done.stdout


def test_the_manifest_may_come_from_stdin_beside_other_objects(person: Person) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "people-db"}}
    both = yaml.safe_dump_all([secret, person.document()])
    assert person.check("-f", "-", stdin=both).returncode == 0


def test_the_readme_shows_what_it_prints(person: Person) -> None:
    person.database.execute("""
        CREATE TABLE users (id bigint PRIMARY KEY, role text NOT NULL);
        INSERT INTO users SELECT n, CASE n % 2 WHEN 0 THEN 'junior_dev' ELSE 'senior_dev' END
        FROM generate_series(1, 1000) AS n;
    """)
    readme = README.read_text()
    manifest = readme.partition("## A first migration")[2].partition("```yaml\n")[2].partition("```")[0]
    shown = readme.partition("## Check first")[2].partition("```console\n")[2].partition("```")[0]
    done = person.check("-f", "-", stdin=manifest.replace("namespace: people", "namespace: default"))
    printed = [_without_connections(line) for line in done.stdout.splitlines()]
    expected = [line for line in shown.splitlines() if line and not line.startswith(("$", "[…]"))]
    assert [line for line in expected if _without_connections(line) not in printed] == [], done.stdout
    assert len(expected) > 5


def _without_connections(line: str) -> str:
    """How many connections the tests' server has at the moment is nobody's promise."""
    return re.sub(r"[0-9.]+", "N", line) if "ConnectionHeadroom" in line else line


class TestDatabase:
    def test_a_file_names_it(self, person: Person) -> None:
        path = person.folder / "uri"
        path.write_text(person.database.uri + "\n")
        person.variables = {}
        assert person.check("-f", person.manifest(), "--database-uri-file", str(path)).returncode == 0

    def test_the_variables_of_libpq_name_it(self, person: Person) -> None:
        server = person.database.server
        person.variables = {
            "PGHOST": server.host,
            "PGPORT": str(server.port),
            "PGDATABASE": person.database.name,
            "PGUSER": person.database.owner,
            "PGPASSWORD": person.database.password,
            "PGSSLMODE": "disable",
        }
        assert person.check("-f", person.manifest()).returncode == 0

    def test_nothing_names_it(self, person: Person) -> None:
        person.variables = {}
        done = person.check("-f", person.manifest())
        assert (done.returncode, done.stdout) == (2, "")
        assert NO_DATABASE in done.stderr

    def test_the_file_is_not_there(self, person: Person) -> None:
        done = person.check("-f", person.manifest(), "--database-uri-file", "/nowhere/uri")
        assert done.returncode == 2
        assert "--database-uri-file /nowhere/uri" in done.stderr

    def test_the_server_does_not_answer(self, person: Person) -> None:
        person.variables["ROLESHIFT_DATABASE_URI"] = f"postgresql://me@127.0.0.1:{free_port()}/people"
        done = person.check("-f", person.manifest())
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert "127.0.0.1" in done.stderr

    def test_a_wrong_password_is_not_shown(self, person: Person) -> None:
        guarded = with_password(person.database, CANARY)
        person.variables["ROLESHIFT_DATABASE_URI"] = guarded.uri.replace("CanaryInTheMine", "CanaryElsewhere")
        done = person.check("-f", person.manifest())
        assert done.returncode == 1
        assert "Canary" not in done.stdout + done.stderr

    def test_what_is_no_uri_is_not_repeated(self, person: Person) -> None:
        person.variables["ROLESHIFT_DATABASE_URI"] = "postgresql://me:sec/ret@db:5432/people"
        done = person.check("-f", person.manifest())
        assert done.returncode == 1
        assert "ROLESHIFT_DATABASE_URI" in done.stderr
        assert "sec/ret" not in done.stderr


class TestManifest:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("a: [", "is no YAML"),
            ("kind: Secret", "holds no RoleMigration"),
            ("{kind: RoleMigration}\n---\n{kind: RoleMigration}", "holds 2 RoleMigrations"),
        ],
    )
    def test_a_file_without_one_rolemigration_is_a_usage_error(
        self, person: Person, text: str, says: str
    ) -> None:
        done = person.check("-f", "-", stdin=text)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr

    def test_a_field_that_is_wrong_is_named(self, person: Person) -> None:
        done = person.check("-f", person.manifest(checks={"minimumScore": 101}))
        assert done.returncode == 1
        assert "spec.checks.minimumScore" in done.stderr

    def test_a_file_that_is_not_there(self, person: Person) -> None:
        done = person.check("-f", "/nowhere.yaml")
        assert done.returncode == 2
        assert "/nowhere.yaml can't be read" in done.stderr

    def test_a_file_that_is_no_text(self, person: Person) -> None:
        path = person.folder / "image"
        path.write_bytes(b"\xff\xfe\x00")
        done = person.check("-f", str(path))
        assert (done.returncode, done.stdout) == (2, "")
        assert "is no UTF-8 text" in done.stderr
