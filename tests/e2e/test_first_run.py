"""A RoleMigration from `kubectl apply` to Done, back when asked, and one that comes back by itself."""

import pytest

from conftest import StartOperator
from localenv.controlplane import ControlPlane
from localenv.database import Database
from support.migrations import Migration, condition_of, ready_migration
from support.tables import create_user_profiles


@pytest.fixture
def migration(
    control_plane: ControlPlane, namespace: str, database: Database, start_operator: StartOperator
) -> Migration:
    """A migration on a table of 1,000 users, with an operator at work; not applied yet."""
    create_user_profiles(database)
    start_operator()
    return ready_migration(control_plane, namespace, database)


def test_a_migration_is_done_and_every_row_is_as_mapped(migration: Migration, database: Database) -> None:
    migration.apply()
    status = migration.wait_for_end()
    assert status["phase"] == "Done", status
    assert condition_of(status, "Ready")["status"] == "True"
    assert database.query(
        "SELECT previous_role::text, role::text, seniority_level, count(*), count(role_migrated_at)"
        " FROM user_profiles GROUP BY 1, 2, 3 ORDER BY 1"
    ) == [
        ("admin", "admin", "lead", 250, 250),
        ("junior_dev", "developer", "junior", 250, 250),
        ("manager", "lead", None, 250, 250),
        ("senior_dev", "developer", "senior", 250, 250),
    ]


def test_a_rollback_brings_every_row_back(migration: Migration, database: Database) -> None:
    before = database.row_set_hash("user_profiles")
    migration.apply()
    migration.wait_for_phase("Done")
    assert database.row_set_hash("user_profiles") != before
    migration.roll_back()
    status = migration.wait_for_phase("RolledBack", "Failed")
    assert status["phase"] == "RolledBack", status
    assert status["rollback"]["result"] == "Complete"
    assert status["rollback"]["rowsRestored"] == 1000
    assert condition_of(status, "Ready")["status"] == "True"
    assert database.row_set_hash("user_profiles") == before


def test_a_broken_assertion_rolls_the_transaction_back(migration: Migration, database: Database) -> None:
    before = database.row_set_hash("user_profiles")
    assertion = {
        "name": "no-developers",
        "query": "SELECT count(*) FROM user_profiles WHERE role = 'developer'",
        "expected": "0",
    }
    migration.apply(validation={"assertions": [assertion]})
    status = migration.wait_for_end()
    assert status["phase"] == "RolledBack", status
    assert condition_of(status, "Ready")["reason"] == "ValidationFailed"
    assert condition_of(status, "Stalled")["status"] == "True"
    assert status["rollback"]["result"] == "TransactionRolledBack"
    assert database.row_set_hash("user_profiles") == before
