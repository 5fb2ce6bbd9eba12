"""A real API server takes the CRD and the right manifests, and refuses the rest with the field's name."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from localenv.api import ApiError
from localenv.controlplane import ControlPlane
from localenv.namespaces import create_namespace, delete_namespace
from roleshift.api import (
    API_VERSION,
    CHANGES,
    CONCLUSIONS,
    LOCKED_PHASES,
    PLURAL,
    Change,
    Phase,
    RoleMigrationStatus,
    parse_migration,
)

MANIFESTS = Path(__file__).parents[1] / "manifests"
REFUSED: list[dict[str, Any]] = yaml.safe_load((MANIFESTS / "refused.yaml").read_text(encoding="utf-8"))
NEW_RUN = "create a new RoleMigration"
MERGE_PATCH = "application/merge-patch+json"
DRY_RUN = "dryRun=All&fieldValidation=Strict"

CHANGES_TO_TRY = yaml.safe_load((MANIFESTS / "changes.yaml").read_text(encoding="utf-8"))
CHANGED: dict[str, Any] = CHANGES_TO_TRY["changed"]
ADDED: dict[str, Any] = CHANGES_TO_TRY["added"]
FORBIDDEN = [path for path, change in CHANGES.items() if change is Change.FORBIDDEN]
ALLOWED = [path for path, change in CHANGES.items() if change is Change.ALLOWED]


def manifest(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def nested(path: str, value: Any) -> dict[str, Any]:
    for part in reversed(path.split(".")):
        value = {part: value}
    return {"spec": value}


def merged(target: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        result[key] = merged(result.get(key), value)
        if value is None:
            del result[key]
    return result


class Cluster:
    """RoleMigrations in a namespace of this module; unknown fields are errors, as kubectl wants them."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self.api = control_plane.api
        self.kubectl = partial(control_plane.kubectl, f"--namespace={namespace}")
        self.path = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}"

    def create(self, body: dict[str, Any], name: str, status: dict[str, Any] | None = None) -> str:
        self.api.request("POST", f"{self.path}?fieldValidation=Strict", {**body, "metadata": {"name": name}})
        if status:
            self.set_status(name, status)
        return name

    def set_status(self, name: str, status: dict[str, Any]) -> None:
        self.api.request("PATCH", f"{self.path}/{name}/status", {"status": status}, MERGE_PATCH)

    def stored(self, name: str) -> dict[str, Any]:
        return self.api.request("GET", f"{self.path}/{name}")

    def try_change(self, name: str, patch: dict[str, Any]) -> None:
        """Asks whether a change would be accepted; nothing is stored."""
        self.api.request("PATCH", f"{self.path}/{name}?{DRY_RUN}", patch, MERGE_PATCH)

    def refusal(self, name: str, patch: dict[str, Any]) -> str:
        with pytest.raises(ApiError) as refused:
            self.try_change(name, patch)
        return refused.value.message

    def refusal_of_new(self, body: dict[str, Any]) -> str:
        with pytest.raises(ApiError) as refused:
            self.api.request("POST", f"{self.path}?{DRY_RUN}", body)
        return refused.value.message


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    namespace = create_namespace(control_plane.api, "crd")
    yield Cluster(control_plane, namespace)
    delete_namespace(control_plane.api, namespace)


@pytest.fixture(scope="module")
def full(cluster: Cluster) -> str:
    return cluster.create(manifest("full"), "full", {"phase": "Migrating"})


@pytest.fixture(scope="module")
def minimal(cluster: Cluster) -> str:
    return cluster.create(manifest("minimal"), "minimal", {"phase": "Migrating"})


@pytest.fixture(scope="module")
def checking(cluster: Cluster) -> str:
    return cluster.create(manifest("full"), "checking", {"phase": "Checking"})


@pytest.fixture(scope="module")
def movable(cluster: Cluster) -> str:
    """An object whose status the tests set; its spec never changes."""
    return cluster.create(manifest("full"), "movable")


@pytest.fixture(scope="module")
def dry_run(cluster: Cluster) -> str:
    return cluster.create(merged(manifest("minimal"), {"spec": {"mode": "DryRun"}}), "dry-run")


@pytest.mark.parametrize("name", ["full", "minimal"])
def test_a_good_manifest_is_stored_as_it_was_written(cluster: Cluster, name: str) -> None:
    stored = cluster.stored(cluster.create(manifest(name), f"{name}-stored"))
    assert stored["spec"] == manifest(name)["spec"]
    assert stored["status"] == {"observedGeneration": -1, "phase": "Pending"}
    assert parse_migration(stored).metadata.generation == 1


def test_a_name_of_52_characters_and_a_table_of_63_bytes_are_accepted(cluster: Cluster) -> None:
    table = "é" * 31 + "x"
    cluster.create(merged(manifest("minimal"), nested("target.table", table)), "n" * 52)


def test_256_mappings_of_long_names_are_accepted_and_257_are_not(cluster: Cluster) -> None:
    many = [{"from": f"{n:03}{'é' * 125}", "to": f"{n:03}{'è' * 125}"} for n in range(257)]
    order = {"order": [mapping["to"] for mapping in many[:256]]}
    body = merged(manifest("minimal"), {"spec": {"mappings": many[:256], "privileges": order}})
    big = cluster.create(body, "big")
    cluster.set_status(big, {"phase": "Migrating"})
    cluster.try_change(big, nested("suspend", value=True))
    assert "spec.mappings" in cluster.refusal(big, nested("mappings", many[:255]))
    assert "spec.mappings" in cluster.refusal(big, nested("mappings", many))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["id"])
def test_a_bad_manifest_is_refused_with_the_name_of_the_field(cluster: Cluster, case: dict[str, Any]) -> None:
    message = cluster.refusal_of_new(merged(manifest("minimal"), case["patch"]))
    assert case["field"] in message
    assert case.get("says", "") in message


def test_every_entry_of_the_table_is_tried() -> None:
    assert CHANGED.keys() == CHANGES.keys()
    assert ADDED.keys() == CHANGES.keys() - {"target", "mappings"}


@pytest.mark.parametrize("path", FORBIDDEN)
def test_an_immutable_field_cannot_change_once_written(cluster: Cluster, full: str, path: str) -> None:
    refused = cluster.refusal(full, nested(path, CHANGED[path]))
    assert f"spec.{path} can't be changed once the run has begun to write: {NEW_RUN}" in refused


@pytest.mark.parametrize("path", [path for path in FORBIDDEN if path not in {"target", "mappings"}])
def test_an_immutable_field_cannot_be_added_once_written(cluster: Cluster, minimal: str, path: str) -> None:
    refused = cluster.refusal(minimal, nested(path, ADDED[path]))
    assert f"spec.{path} can't be changed once the run has begun to write: {NEW_RUN}" in refused


@pytest.mark.parametrize("path", [path for path in FORBIDDEN if path not in {"target", "mappings"}])
def test_an_immutable_field_cannot_be_removed_once_written(cluster: Cluster, full: str, path: str) -> None:
    refused = cluster.refusal(full, nested(path, None))
    assert f"spec.{path} can't be changed once the run has begun to write: {NEW_RUN}" in refused


@pytest.mark.parametrize("path", ALLOWED)
def test_a_mutable_field_can_change_at_any_time(cluster: Cluster, full: str, path: str) -> None:
    cluster.try_change(full, nested(path, CHANGED[path]))


@pytest.mark.parametrize("path", [path for path in ALLOWED if path != "connection"])
def test_a_mutable_field_can_be_added_at_any_time(cluster: Cluster, minimal: str, path: str) -> None:
    cluster.try_change(minimal, nested(path, ADDED[path]))


@pytest.mark.parametrize("path", [path for path in ALLOWED if path != "connection"])
def test_a_mutable_field_can_be_removed_at_any_time(cluster: Cluster, full: str, path: str) -> None:
    cluster.try_change(full, nested(path, None))


@pytest.mark.parametrize("path", [path for path in CHANGES if path != "mode"])
def test_everything_can_change_while_checking(cluster: Cluster, checking: str, path: str) -> None:
    patch = nested(path, CHANGED[path])
    if path == "backup.methods":
        patch["spec"]["backup"]["archive"] = None
    cluster.try_change(checking, patch)


@pytest.mark.parametrize("phase", LOCKED_PHASES)
def test_every_phase_after_the_first_write_locks(cluster: Cluster, movable: str, phase: Phase) -> None:
    cluster.set_status(movable, {"phase": phase})
    assert NEW_RUN in cluster.refusal(movable, nested("unmappedRoles", "Keep"))


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in LOCKED_PHASES])
def test_no_other_phase_locks(cluster: Cluster, movable: str, phase: Phase) -> None:
    cluster.set_status(movable, {"phase": phase})
    cluster.try_change(movable, nested("unmappedRoles", "Keep"))


def failed(reason: str) -> dict[str, Any]:
    return ready("Failed", reason)


def ready(phase: str, reason: str) -> dict[str, Any]:
    """A status whose Ready condition carries a reason."""
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": reason,
        "message": "said by a test",
        "lastTransitionTime": "2026-11-23T13:44:57Z",
    }
    return {"phase": phase, "conditions": [condition]}


def test_a_failure_that_left_things_written_locks(cluster: Cluster) -> None:
    name = cluster.create(manifest("minimal"), "unfinished", failed("RollbackFailed"))
    assert NEW_RUN in cluster.refusal(name, nested("unmappedRoles", "Keep"))


def test_a_failure_that_wrote_nothing_does_not_lock(cluster: Cluster) -> None:
    name = cluster.create(manifest("minimal"), "untouched", failed("UnmappedRoles"))
    cluster.try_change(name, nested("unmappedRoles", "Keep"))


@pytest.mark.parametrize("phase", ["Pending", "Checking", "Done"])
@pytest.mark.parametrize("value", ["DryRun", "Rehearse"])
def test_the_mode_never_goes_back_from_apply(cluster: Cluster, movable: str, phase: str, value: str) -> None:
    cluster.set_status(movable, {"phase": phase})
    refused = cluster.refusal(movable, nested("mode", value))
    assert f"spec.mode goes from DryRun or Rehearse to Apply, not back: {NEW_RUN}" in refused


@pytest.mark.parametrize("phase", ["Pending", "Checking", "Done"])
@pytest.mark.parametrize("value", ["Apply", None])
def test_the_mode_may_always_go_to_apply(
    cluster: Cluster, dry_run: str, phase: str, value: str | None
) -> None:
    cluster.set_status(dry_run, {"phase": phase})
    cluster.try_change(dry_run, nested("mode", value))


def test_a_dry_run_may_become_a_rehearsal_while_nothing_was_written(cluster: Cluster, dry_run: str) -> None:
    cluster.set_status(dry_run, {"phase": "Checking"})
    cluster.try_change(dry_run, nested("mode", "Rehearse"))
    cluster.set_status(dry_run, {"phase": "Done"})
    assert "spec.mode may only go to Apply now" in cluster.refusal(dry_run, nested("mode", "Rehearse"))


@pytest.mark.parametrize("reason", CONCLUSIONS)
def test_a_done_that_wrote_nothing_locks_nothing(cluster: Cluster, dry_run: str, reason: str) -> None:
    cluster.set_status(dry_run, ready("Done", reason))
    cluster.try_change(dry_run, nested("mode", "Rehearse"))
    cluster.try_change(dry_run, nested("mode", "Apply"))
    cluster.try_change(dry_run, nested("mappings", CHANGED["mappings"]))
    cluster.set_status(dry_run, ready("Done", "MigrationCompleted"))
    assert NEW_RUN in cluster.refusal(dry_run, nested("unmappedRoles", "Keep"))


def test_a_whole_status_is_stored_as_the_operator_wrote_it(cluster: Cluster, movable: str) -> None:
    written = RoleMigrationStatus.model_validate(yaml.safe_load((MANIFESTS / "status.yaml").read_text()))
    cluster.set_status(movable, written.dump())
    stored = cluster.stored(movable)["status"]
    assert stored == written.dump()


def test_the_longest_texts_that_the_models_let_pass_are_accepted(cluster: Cluster, movable: str) -> None:
    longest = {**failed("X" * 64)["conditions"][0], "message": "é" * 100_000}
    steps = [{"name": f"{n}", "state": "Running", "message": "é" * 5000} for n in range(100)]
    cluster.set_status(
        movable, RoleMigrationStatus.model_validate({"conditions": [longest], "steps": steps}).dump()
    )


def test_people_see_what_matters(cluster: Cluster) -> None:
    status = yaml.safe_load((MANIFESTS / "status.yaml").read_text(encoding="utf-8"))
    name = cluster.create(manifest("minimal"), "seen", status)
    heads, cells = cluster.kubectl("get", "rolemig", name).stdout.splitlines()
    assert heads.split() == ["NAME", "PHASE", "READY", "REASON", "PROGRESS", "SCORE", "AGE"]
    assert cells.split()[:7] == [name, "Migrating", "False", "Migrating", "[######----]", "61%", "95"]
    heads, cells = cluster.kubectl("get", "rolemig", name, "--output=wide").stdout.splitlines()
    assert heads.split()[6:9] == ["TABLE", "BACKUP", "MESSAGE"]
    assert "migration_backup_users_1a2b3c" in cells
    assert "61,000 of 100,000 rows are written" in cells


def test_objects_can_be_selected_by_phase_and_found_by_category(cluster: Cluster) -> None:
    waiting = cluster.create(manifest("minimal"), "waiting")
    active = cluster.create(manifest("minimal"), "active", {"phase": "BackingUp"})
    by_phase = partial(cluster.kubectl, "get", "rolemig", "--output=name", "--field-selector")
    pending = by_phase("status.phase=Pending").stdout
    assert waiting in pending
    assert active not in pending
    assert active in by_phase("status.phase=BackingUp").stdout
    assert active in cluster.kubectl("get", "db-migrations", "--output=name").stdout


def test_kubectl_apply_tells_the_field_and_what_to_do(cluster: Cluster) -> None:
    text = yaml.safe_dump(merged(manifest("minimal"), nested("backup.methods", ["Archive"])))
    refused = cluster.kubectl("apply", "--filename=-", input=text, check=False)
    assert refused.returncode == 1
    assert "spec.backup.methods: " in refused.stderr
    assert "must contain Table: a rollback restores from it; add Table" in refused.stderr


def test_kubectl_explain_tells_units_and_defaults(cluster: Cluster) -> None:
    explained = cluster.kubectl("explain", "rolemig.spec.strategy.lockTimeoutSeconds").stdout
    assert "in seconds" in explained
    assert "Default: 5." in explained
