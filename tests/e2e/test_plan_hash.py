"""The plan of the command line and the plan of the operator are one: the same hash for the same database."""

import json
from pathlib import Path
from typing import Any

import pytest

from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.operator import OperatorProcess
from support.migrations import Migration, ready_migration
from support.person import Person
from support.tables import create_user_profiles


@pytest.fixture
def migration(
    control_plane: ControlPlane, namespace: str, database: Database, operator: OperatorProcess
) -> Migration:
    """A migration with an operator at work; not applied yet."""
    assert operator.process.pid
    return ready_migration(control_plane, namespace, database)


@pytest.fixture
def person(tmp_path: Path, database: Database) -> Person:
    return Person(tmp_path, database)


def planned(person: Person, manifest: dict[str, Any]) -> dict[str, Any]:
    """The plan of the command line."""
    done = person.plan("-f", "-", "-o", "json", stdin=json.dumps(manifest))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    plan: dict[str, Any] = json.loads(done.stdout)["plan"]
    return plan


def test_what_the_plan_said_is_what_was_done(
    person: Person, migration: Migration, database: Database
) -> None:
    create_user_profiles(database, 40)
    before = planned(person, person.document())
    migration.apply_manifest(named_as(migration, person.document()))
    status = migration.wait_for_phase("Done")
    assert status["plan"]["hash"] == before["hash"]
    assert status["plan"]["matrix"] == before["matrix"]
    assert status["plan"]["statements"] == before["statements"]
    assert status["plan"]["lock"] == before["lock"]
    assert status["plan"]["estimatedSeconds"] == before["estimatedSeconds"]


def test_missing_columns_are_part_of_the_same_hash(
    person: Person, migration: Migration, database: Database
) -> None:
    database.execute("CREATE TABLE users (id bigint PRIMARY KEY, role text)")
    database.execute("INSERT INTO users VALUES (1, 'junior_dev'), (2, 'senior_dev'), (3, 'admin')")
    waiver = {"check": "Memory", "reason": "known", "expires": "2099-01-01T00:00:00+02:00"}
    changes = {"target": {"table": "users"}, "schemaChanges": "AddMissing", "checks": {"waivers": [waiver]}}
    manifest = person.document(**changes, unmappedRoles="Keep")
    before = planned(person, manifest)
    migration.apply_manifest(named_as(migration, manifest))
    status = migration.wait_for_phase("Done")
    assert status["plan"]["hash"] == before["hash"]
    assert status["plan"]["statements"] == before["statements"]


def test_the_object_as_the_api_server_keeps_it_has_the_hash_of_the_file(
    person: Person, migration: Migration, database: Database
) -> None:
    create_user_profiles(database, 40)
    manifest = person.document(suspend=True)
    migration.apply_manifest(named_as(migration, manifest))
    assert planned(person, migration.read())["hash"] == planned(person, manifest)["hash"]


def test_the_hash_from_a_pull_request_approves_the_operators_plan(
    person: Person, migration: Migration, database: Database
) -> None:
    create_user_profiles(database, 40)
    reviewed = planned(person, person.document(approval={"policy": "Manual"}))["hash"]
    manifest = person.document(approval={"policy": "Manual", "planHash": reviewed})
    migration.apply_manifest(named_as(migration, manifest))
    assert migration.wait_for_phase("Done")["plan"]["hash"] == reviewed


def test_another_mapping_is_another_plan_for_both(
    person: Person, migration: Migration, database: Database
) -> None:
    create_user_profiles(database, 40)
    first = planned(person, person.document())
    changed = person.document(mappings=[{"from": "manager", "to": "lead"}], unmappedRoles="Keep")
    migration.apply_manifest(named_as(migration, changed))
    status = migration.wait_for_phase("Done")
    assert status["plan"]["hash"] != first["hash"]


def named_as(migration: Migration, manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest under the migration's name."""
    return {**manifest, "metadata": {"name": migration.name, "namespace": migration.namespace}}
