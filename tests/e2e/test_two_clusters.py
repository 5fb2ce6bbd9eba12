"""Two clusters, each with an operator of its own, and one database."""

from collections.abc import Iterator

import pytest

from localenv.controlplane import ControlPlane
from localenv.operator import OperatorProcess
from support.migrations import MAPPINGS, Migration, condition_of
from support.stage import Stage

LATER = [{"from": "lead", "to": "manager"}]


@pytest.fixture(scope="module")
def second_cluster() -> Iterator[ControlPlane]:
    """Another API server with an operator of its own."""
    with (
        ControlPlane() as cluster,
        OperatorProcess(cluster.kubeconfig, identity="elsewhere", arguments=["--lease-namespace", "default"]),
    ):
        yield cluster


@pytest.fixture
def elsewhere(stage: Stage, second_cluster: ControlPlane) -> Migration:
    """An object of the same namespace and name in the other cluster, for the same database."""
    namespace = stage.migration.namespace
    second_cluster.kubectl("create", "namespace", namespace)
    other = Migration(second_cluster, namespace, stage.migration.name)
    other.secret(stage.database.uri)
    return other


def test_the_same_manifest_in_two_clusters_is_two_runs_of_which_one_works_at_a_time(
    stage: Stage, elsewhere: Migration
) -> None:
    with stage.held_in("Validating"):
        elsewhere.apply(mappings=LATER, unmappedRoles="Keep", checks={"minimumScore": 0})
        status = elsewhere.wait_for_reason("AnotherRunActive")
        said = condition_of(status, "Ready")["message"]
        assert f"{stage.migration.namespace}/{stage.migration.name} of another cluster is active" in said
    stage.migration.wait_for_phase("Done")
    elsewhere.wait_for_phase("Done")
    clusters = "SELECT count(DISTINCT cluster_uid), count(*) FROM roleshift.migration_run"
    assert stage.database.query(clusters) == [(2, 2)]


def test_runs_of_two_clusters_are_undone_in_the_reverse_order(stage: Stage, elsewhere: Migration) -> None:
    stage.apply()
    stage.assert_done()
    elsewhere.apply(mappings=LATER, unmappedRoles="Keep")
    elsewhere.wait_for_phase("Done")
    stage.migration.roll_back()
    said = condition_of(stage.migration.wait_for_reason("Superseded"), "Ready")["message"]
    assert f"{elsewhere.namespace}/{elsewhere.name} of another cluster (run" in said
    elsewhere.roll_back()
    elsewhere.wait_for_phase("RolledBack")
    stage.migration.wait_for_phase("RolledBack")
    stage.oracle.assert_before()


def test_what_one_cluster_has_migrated_the_other_finds_done(stage: Stage, elsewhere: Migration) -> None:
    stage.apply(mappings=MAPPINGS[:3], unmappedRoles="Keep")
    stage.migration.wait_for_phase("Done")
    before = stage.database.row_set_hash("user_profiles")
    elsewhere.apply(mappings=MAPPINGS[:3], unmappedRoles="Keep")
    assert elsewhere.wait_for_phase("Done")["plan"]["rows"] == 0
    assert stage.database.row_set_hash("user_profiles") == before
