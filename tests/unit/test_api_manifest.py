"""How a manifest is read: everything of the example, and what is meant by what it leaves out."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from roleshift.api import (
    ApprovalPolicy,
    BackupMethod,
    CheckName,
    DeletionPolicy,
    DesiredState,
    Mode,
    OnConflict,
    OnDuplicate,
    Phase,
    RoleMigration,
    RollbackPolicy,
    SchemaChanges,
    Severity,
    SSLMode,
    StrategyType,
    UnmappedRoles,
    parse_migration,
)

MANIFESTS = Path(__file__).parents[1] / "manifests"


def manifest(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def minimal() -> RoleMigration:
    return parse_migration(manifest("minimal"))


@pytest.fixture(scope="module")
def full() -> RoleMigration:
    return parse_migration(manifest("full"))


def test_every_field_of_the_example_comes_back_as_it_was_written(full: RoleMigration) -> None:
    dumped = full.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert dumped == manifest("full")["spec"]


def test_names_that_python_reserves_have_names_of_their_own(full: RoleMigration) -> None:
    assert full.spec.target.schema_name == "public"
    assert (full.spec.mappings[0].from_role, full.spec.mappings[0].to_role) == ("junior_dev", "developer")
    assert full.spec.connection.ssl_mode is SSLMode.VERIFY_FULL
    assert full.spec.checks.waivers[0].check is CheckName.ACTIVE_USERS
    assert full.spec.checks.limits.max_load_per_cpu == 2
    assert full.spec.strategy.batched.throttle.max_wal_bytes_per_second == 50_000_000


def test_a_cluster_can_stand_instead_of_a_secret() -> None:
    body = manifest("minimal")
    body["spec"]["connection"] = {"clusterRef": {"name": "people"}}
    connection = parse_migration(body).spec.connection
    assert connection.secret_ref is None
    assert connection.cluster_ref is not None


def test_connection_and_target_by_default(minimal: RoleMigration) -> None:
    connection, target = minimal.spec.connection, minimal.spec.target
    assert connection.ssl_mode is None
    assert connection.secret_ref is not None
    assert connection.secret_ref.key is None
    assert (target.schema_name, target.key_columns, target.user_column) == ("public", None, None)
    assert target.columns.written() == ("role", "previous_role", "seniority_level", "role_migrated_at")
    assert (target.scope, target.lookup, target.assignments) == (None, None, [])
    assert target.on_duplicate is OnDuplicate.FAIL


def test_roles_by_default(minimal: RoleMigration) -> None:
    spec = minimal.spec
    assert spec.unmapped_roles is UnmappedRoles.FAIL
    assert spec.schema_changes is SchemaChanges.NONE
    assert (spec.privileges.order, spec.privileges.allow_escalation) == ([], False)
    assert spec.privileges.keep_at_least == []


def test_strategy_by_default(minimal: RoleMigration) -> None:
    strategy = minimal.spec.strategy
    assert strategy.type is StrategyType.TRANSACTION
    assert (strategy.lock_timeout_seconds, strategy.statement_timeout_seconds) == (5, 600)
    batched = strategy.batched
    assert (batched.parallelism, batched.target_batch_seconds) == (2, 1)
    assert (batched.batch_size.initial, batched.batch_size.min, batched.batch_size.max) == (
        5000,
        500,
        100_000,
    )
    throttle = batched.throttle
    assert throttle.max_replication_lag_seconds == 10
    assert throttle.max_active_connections_percent == 80
    assert throttle.max_lock_waiters == 5
    assert throttle.max_wal_bytes_per_second is None


def test_policies_by_default(minimal: RoleMigration) -> None:
    spec = minimal.spec
    assert (spec.mode, spec.desired_state, spec.suspend) == (Mode.APPLY, DesiredState.MIGRATED, False)
    assert (spec.approval.policy, spec.approval.plan_hash) == (ApprovalPolicy.AUTOMATIC, None)
    assert (spec.backup.methods, spec.backup.retention_seconds) == ([BackupMethod.TABLE], 30 * 86_400)
    assert (spec.rollback.policy, spec.rollback.on_conflict) == (RollbackPolicy.AUTOMATIC, OnConflict.SKIP)
    assert (spec.retry.limit, spec.retry.backoff_seconds, spec.retry.max_backoff_seconds) == (6, 10, 300)
    assert spec.deletion_policy is DeletionPolicy.RETAIN


def test_checks_by_default_have_the_limits_of_the_example(
    minimal: RoleMigration, full: RoleMigration
) -> None:
    assert minimal.spec.checks.minimum_score == 90
    assert minimal.spec.checks.waivers == []
    without_size = full.spec.checks.limits.model_copy(update={"max_database_bytes": None})
    assert minimal.spec.checks.limits == without_size


def test_observation_window_maintenance_and_validation_are_none_by_default(minimal: RoleMigration) -> None:
    spec = minimal.spec
    assert (spec.observation, spec.window, spec.maintenance) == (None, None, None)
    assert spec.validation.assertions == []
    assert spec.reverify_seconds == 86_400


@pytest.mark.parametrize(
    ("observation", "seconds"),
    [
        ({}, 0),
        ({"reverifySeconds": 3600}, 0),
        ({"durationSeconds": 60}, 60),
        ({"metrics": "some"}, 600),
        ({"metrics": "some", "durationSeconds": 30}, 30),
    ],
)
def test_how_long_is_watched(observation: dict[str, Any], seconds: int) -> None:
    body = manifest("minimal")
    if "metrics" in observation:
        one = {"name": "feedback", "feedback": {}, "successCondition": {"operator": "LessThan", "value": "3"}}
        observation = {**observation, "metrics": [one]}
    body["spec"]["observation"] = observation
    parsed = parse_migration(body).spec.observation
    assert parsed is not None
    assert parsed.watch_seconds == seconds
    for metric in parsed.metrics:
        assert metric.feedback is not None
        assert metric.feedback.min_severity is Severity.MAJOR


def test_what_the_author_wrote_can_be_told_from_defaults(minimal: RoleMigration) -> None:
    assert minimal.spec.model_fields_set == {"connection", "target", "mappings"}


def test_views_as_the_watcher_hands_them_out_are_read() -> None:
    body = manifest("minimal")
    body["spec"] = MappingProxyType({**body["spec"], "target": MappingProxyType(body["spec"]["target"])})
    assert parse_migration(MappingProxyType(body)).spec.target.table == "users"


def test_metadata_of_others_is_left_out() -> None:
    body = manifest("minimal")
    body["metadata"] |= {
        "uid": "1c1e664b",
        "generation": 3,
        "resourceVersion": "239",
        "creationTimestamp": "2026-11-23T14:44:57Z",
        "managedFields": [{"manager": "kubectl"}],
    }
    metadata = parse_migration(body).metadata
    assert (metadata.uid, metadata.generation, metadata.resource_version) == ("1c1e664b", 3, "239")
    assert metadata.creation_timestamp is not None
    assert metadata.deletion_timestamp is None


def test_a_status_of_another_version_never_stops_a_run() -> None:
    body = manifest("minimal")
    body["status"] = {
        "phase": "Resting",
        "observedGeneration": 3,
        "mood": "calm",
        "plan": {"hash": "sha256:1"},
    }
    status = parse_migration(body).status
    assert status is not None
    assert (status.phase, status.observed_generation) == (Phase.PENDING, 3)
    assert status.plan is not None
    assert status.plan.hash == "sha256:1"


def test_a_status_that_is_no_object_is_none() -> None:
    assert parse_migration({**manifest("minimal"), "status": "Done"}).status is None
