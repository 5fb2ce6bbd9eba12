"""`roleshift plan -f`: what a manifest would do, for a pull request, without a cluster; it writes nothing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from localenv.database import Database
from localenv.ports import free_port
from support.examinations import ORDER
from support.person import Person, dump
from support.tables import MEMBERS, PLAIN, USERS, create_user_profiles


@pytest.fixture
def person(tmp_path: Path, database: Database) -> Person:
    create_user_profiles(database, 8)
    return Person(tmp_path, database)


def document(person: Person, **changes: Any) -> dict[str, Any]:
    """The plan as JSON."""
    found: dict[str, Any] = json.loads(person.plan("-f", person.manifest(**changes), "-o", "json").stdout)
    return found


def words(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


# An open gate


def test_the_plan_is_shown_and_nothing_is_written(person: Person) -> None:
    before = dump(person.database)
    done = person.plan("-f", person.manifest())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("people/seniority on public.user_profiles\nPlan sha256:")
    assert "\n8 of 8 rows will change.\n" in done.stdout
    assert "\n  junior_dev → developer  junior  2 rows\n" in done.stdout
    assert "\n  manager    → lead               2 rows\n" in done.stdout
    assert done.stdout.endswith("\nThe gate is open. Nothing was written.\n")
    assert dump(person.database) == before


def test_it_says_what_a_reviewer_needs(person: Person) -> None:
    keep = {"order": ORDER, "keepAtLeast": [{"role": "admin", "count": 1}]}
    done = person.plan("-f", person.manifest(privileges=keep))
    text = words(done.stdout)
    for said in (
        "Left as they are none",
        "Collisions none: the role stands in no unique index",
        'Afterwards "developer" 4, "admin" 2, "lead" 2',
        "Escalations none",
        'Kept at least "admin": 1 demanded, 2 afterwards',
        'Reversible not by the mapping alone: "junior_dev", "senior_dev" become "developer"; a rollback',
        "Strategy Transaction",
        "Time about 1 s from the lock to the commit, an estimate",
        "Lock SHARE ROW EXCLUSIVE on public.user_profiles for about 1 s, until the commit: SELECT goes on;",
        "Kept waiting whoever writes public.user_profiles; sessions that use it now: none",
        "! BackupSpace",
    ):
        assert said in text
    assert "✓" not in done.stdout


def test_whoever_uses_the_table_now_is_named(person: Person) -> None:
    with person.database.connect() as somebody:
        somebody.execute("SET application_name = 'billing'")
        somebody.execute("BEGIN; SELECT count(*) FROM user_profiles")
        assert "sessions that use it now: billing (1)" in words(person.plan("-f", person.manifest()).stdout)


def test_schema_statements_come_first_and_are_what_stays(tmp_path: Path, database: Database) -> None:
    database.execute(USERS)
    person = Person(tmp_path, database)
    done = person.plan("-f", person.manifest(target={"table": "users"}, schemaChanges="AddMissing"))
    assert done.returncode == 0
    statements = done.stdout.partition("\nStatements\n")[2]
    assert statements.startswith(
        '  ALTER TABLE "public"."users" ADD COLUMN IF NOT EXISTS "previous_role" text;\n'
    )
    beginnings = re.findall(r"^  (ALTER|CREATE|LOCK|UPDATE)", statements, re.MULTILINE)
    assert beginnings == ["ALTER", "ALTER", "ALTER", "CREATE", "LOCK", "UPDATE"]
    assert 'added first, and kept after a failure or a rollback: column "previous_role"' in words(done.stdout)
    assert "Locks before it ACCESS EXCLUSIVE for a moment for each ALTER TABLE" in words(done.stdout)


# What somebody should look at


def test_who_else_has_the_type_that_gets_new_values_is_named(tmp_path: Path, database: Database) -> None:
    create_user_profiles(database, 8)
    database.execute("CREATE TABLE invitations (id int, role user_role)")
    mappings = [{"from": "admin", "to": "owner"}]
    person = Person(tmp_path, database)
    changes = {"mappings": mappings, "unmappedRoles": "Keep", "schemaChanges": "AddMissing"}
    done = person.plan("-f", person.manifest(**changes))
    assert "is used elsewhere too, by public.invitations.role: do these allow them?" in words(done.stdout)
    kept = person.plan("-f", person.manifest())
    assert "used elsewhere" not in kept.stdout


def test_collisions_are_counted_with_examples_and_close_the_gate(tmp_path: Path, database: Database) -> None:
    database.execute(MEMBERS + "INSERT INTO members VALUES (7, 'a'), (7, 'b'), (8, 'a')")
    person = Person(tmp_path, database)
    changes = {
        "target": {"table": "members", "userColumn": "user_id", **PLAIN},
        "mappings": [{"from": "a", "to": "c"}, {"from": "b", "to": "c"}],
    }
    done = person.plan("-f", person.manifest(**changes))
    assert done.returncode == 3
    said = "Collisions 1 row would share a unique value with another row, for example user_id 7 ("
    assert said in words(done.stdout)
    found = document(person, **changes)
    assert (found["plan"]["collisions"], found["roles"]["collisionExamples"]) == (1, ["user_id 7"])


def test_escalations_are_shown_whether_they_are_allowed_or_not(person: Person) -> None:
    order = [*ORDER[1:], *ORDER[:1]]
    refused = person.plan("-f", person.manifest(privileges={"order": order}))
    allowed = person.plan("-f", person.manifest(privileges={"order": order, "allowEscalation": True}))
    assert (refused.returncode, allowed.returncode) == (3, 0)
    for done, said in ((refused, "not allowed by"), (allowed, "allowed by")):
        text = words(done.stdout)
        assert f"4 rows get a stronger role, marked in the matrix; {said} spec.privileges" in text
        assert '- 4 rows get a stronger role, "developer": from "junior_dev", "senior_dev"' in done.stdout
        assert "\n↑ junior_dev → developer  junior  2 rows\n" in done.stdout
        assert "\n  manager    → lead               2 rows\n" in done.stdout


def test_without_an_order_escalations_are_not_judged(person: Person) -> None:
    unordered = person.plan("-f", person.manifest(privileges=None))
    assert "Escalations not judged: spec.privileges.order is not set" in words(unordered.stdout)
    partly = person.plan("-f", person.manifest(privileges={"order": ORDER[:-1]}))
    said = "Escalations not judged for admin: spec.privileges.order does not name them"
    assert said in words(partly.stdout)


def test_too_few_left_is_said(person: Person) -> None:
    found = document(person, privileges={"keepAtLeast": [{"role": "manager", "count": 1}]})
    assert found["roles"]["keepAtLeast"] == [{"role": "manager", "count": 1, "after": 0, "holds": False}]
    assert found["gate"]["reason"] == "TooFewLeft"


def test_what_names_a_role_that_goes_away_is_listed_with_its_definition(person: Person) -> None:
    person.database.execute("""
        CREATE FUNCTION is_junior(r user_role) RETURNS boolean LANGUAGE sql AS $$
            -- not yet grown up
            SELECT r = 'junior_dev'
        $$;
        CREATE POLICY seniors ON user_profiles USING (role = 'senior_dev');
        CREATE VIEW managers AS SELECT id FROM user_profiles WHERE role = 'manager';
        ALTER TABLE user_profiles ALTER role SET DEFAULT 'junior_dev';
    """)
    found = document(person)
    named = {one["name"]: one for one in found["namingRoles"]}
    assert {one["kind"] for one in found["namingRoles"]} == {
        "function",
        "policy",
        "view",
        "default of the role column",
    }
    assert named["public.is_junior"]["roles"] == ["junior_dev"]
    assert "-- not yet grown up\n" in named["public.is_junior"]["definition"]
    assert named["seniors on public.user_profiles"]["definition"].startswith("USING (role = 'senior_dev'")
    asked = 'function public.is_junior names "junior_dev" and has to change with it, see below'
    assert asked in found["lookAt"]
    text = person.plan("-f", person.manifest()).stdout
    assert "  function public.is_junior\n    -- not yet grown up\n    SELECT r = 'junior_dev'\n" in text


def test_a_long_definition_is_cut_and_says_so(person: Person) -> None:
    body = f"SELECT r = 'junior_dev' -- {'x' * 3000}"
    person.database.execute(f"CREATE FUNCTION long(r user_role) RETURNS boolean LANGUAGE sql AS $$ {body} $$")
    (found,) = document(person)["namingRoles"]
    assert len(found["definition"]) == 2001
    assert found["definition"].endswith("x…")


def test_what_stays_and_what_nobody_holds_is_asked_about(person: Person) -> None:
    mappings = [{"from": "junior_dev", "to": "developer"}, {"from": "developer", "to": "lead"}]
    done = person.plan("-f", person.manifest(mappings=mappings, unmappedRoles="Keep"))
    text = words(done.stdout)
    assert "2 of 8 rows will change." in text
    assert 'nobody holds "developer", which spec.mappings names: is it spelled rightly?' in text
    assert 'no mapping names "admin", "manager", "senior_dev": is it right that these stay?' in text
    assert "Reversible yes, by the mapping alone, and from the before-image" in text


def test_a_waiver_is_named(person: Person) -> None:
    waiver = {"check": "BackupSpace", "reason": "there is room", "expires": "2099-01-01T00:00:00Z"}
    found = document(person, checks={"waivers": [waiver]})
    assert "BackupSpace is waived until 2099-01-01 00:00 UTC: there is room" in found["lookAt"]


def test_a_mapping_of_roles_that_nobody_holds_changes_nothing_and_says_so(person: Person) -> None:
    nobody = {"mappings": [{"from": "lead", "to": "admin"}], "unmappedRoles": "Keep"}
    done = person.plan("-f", person.manifest(**nobody), "-o", "markdown")
    assert "**0 of 8 rows will change.**" in done.stdout
    assert "- no row will change: nobody holds a role that spec.mappings names" in done.stdout
    assert "| From |" not in done.stdout


def test_under_manual_approval_it_says_what_approves_it(person: Person) -> None:
    asked = document(person, approval={"policy": "Manual"})
    plan_hash = asked["plan"]["hash"]
    assert any(text.endswith(f"is spec.approval.planHash: {plan_hash}") for text in asked["lookAt"])
    agreed = document(person, approval={"policy": "Manual", "planHash": plan_hash})
    assert agreed["plan"]["hash"] == plan_hash
    assert "spec.approval.planHash approves this plan" in agreed["lookAt"]
    outdated = document(person, approval={"policy": "Manual", "planHash": "sha256:" + "0" * 64})
    assert any(text.endswith("which approves another plan than this one") for text in outdated["lookAt"])


def test_what_could_not_be_looked_for_is_said(person: Person) -> None:
    with person.database.admin() as admin:
        admin.execute("REVOKE SELECT ON pg_catalog.pg_policy FROM PUBLIC")
    found = document(person)
    said = [text for text in found["lookAt"] if "could not be seen: permission denied" in text]
    assert any(text.startswith("whether policies name roles that go away") for text in said), found["lookAt"]


# A closed gate


def test_without_the_columns_there_is_no_plan_but_what_is_known_is_shown(person: Person) -> None:
    person.database.execute("ALTER TABLE user_profiles DROP COLUMN previous_role")
    done = person.plan("-f", person.manifest())
    assert done.returncode == 3
    assert "There is no plan yet: the gate says why." in done.stdout
    assert "8 of 8 rows will change." in done.stdout
    assert "The gate is closed, MigrationColumnsMissing: " in done.stdout
    found = document(person)
    assert found["plan"] is None
    assert found["roles"]["rowsThatChange"] == 8


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_without_the_table_the_gate_says_so_in_every_form(person: Person, form: str) -> None:
    done = person.plan("-f", person.manifest(target={"table": "user_profile"}), "-o", form)
    assert (done.returncode, done.stderr) == (3, "")
    assert "TableNotFound" in done.stdout
    assert "public.user_profiles" in done.stdout.replace("\\", "")


def test_what_is_not_built_yet_is_named_and_closes_the_gate(person: Person) -> None:
    done = person.plan("-f", person.manifest(window={"schedule": "0 2 * * 6", "durationSeconds": 60}))
    assert done.returncode == 3
    assert "Not supported: spec.window asks for something" in done.stdout
    assert "The gate is open" not in done.stdout


# The hash


def test_it_is_the_hash_that_check_gives_and_json_is_what_the_status_would_be(person: Person) -> None:
    found = document(person)
    checked = json.loads(person.check("-f", person.manifest(), "-o", "json").stdout)
    assert found["plan"]["hash"] == checked["plan"]["hash"]
    assert found["plan"]["matrix"][0] == {
        "from": "junior_dev",
        "to": "developer",
        "seniority": "junior",
        "rows": 2,
    }
    assert found["gate"] == {"open": True, "minimumScore": 90}
    assert found["safety"] == checked["safety"]


def test_another_mapping_waiver_or_schema_gives_another_hash(person: Person) -> None:
    waiver = {"check": "Memory", "reason": "known", "expires": "2099-01-01T00:00:00Z"}
    hashes = [
        document(person)["plan"]["hash"],
        document(person, mappings=[{"from": "junior_dev", "to": "lead"}], unmappedRoles="Keep")["plan"][
            "hash"
        ],
        document(person, checks={"waivers": [waiver]})["plan"]["hash"],
        document(person, privileges={"allowEscalation": True})["plan"]["hash"],
    ]
    person.database.execute("ALTER TABLE user_profiles ALTER COLUMN seniority_level TYPE varchar(20)")
    hashes.append(document(person)["plan"]["hash"])
    person.database.execute("DELETE FROM user_profiles WHERE role = 'manager'")
    hashes.append(document(person)["plan"]["hash"])
    assert len(set(hashes)) == len(hashes)


def test_more_rows_of_the_same_roles_give_the_same_hash(person: Person) -> None:
    before = document(person)["plan"]["hash"]
    person.database.execute("INSERT INTO user_profiles (id, email, role) VALUES (9, 'nine', 'manager')")
    assert document(person)["plan"]["hash"] == before


def test_an_estimate_that_can_not_be_made_is_said(person: Person) -> None:
    with person.database.admin() as admin:
        admin.execute("REVOKE EXECUTE ON FUNCTION pg_catalog.pg_database_size(name) FROM PUBLIC")
    done = person.plan("-f", person.manifest())
    assert "WAL could not be estimated" in words(done.stdout)
    assert "estimatedWALBytes" not in document(person)["plan"]


def test_the_estimates_are_those_that_the_checks_judge(person: Person) -> None:
    found = document(person)
    messages = {one["name"]: one["message"] for one in found["safety"]["results"]}
    assert f"will take about {found['plan']['estimatedSeconds']} s" in messages["DatabaseSize"]
    wal = found["plan"]["estimatedWALBytes"]
    assert (
        f"WAL {wal / 1024:.1f} KiB" in messages["BackupSpace"]
        or f"WAL {wal / 1024:.0f} KiB" in messages["BackupSpace"]
    )


# Errors


def test_errors_have_the_exit_codes_of_every_command(person: Person) -> None:
    assert person.plan("-f", "/nowhere.yaml").returncode == 2
    assert person.plan("-f", person.manifest(), "-o", "html").returncode == 2
    assert person.plan("-f", person.manifest(mappings=[])).returncode == 1
    person.variables["ROLESHIFT_DATABASE_URI"] = f"postgresql://me@127.0.0.1:{free_port()}/people"
    done = person.plan("-f", person.manifest())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    person.variables = {}
    assert person.plan("-f", person.manifest()).returncode == 2
