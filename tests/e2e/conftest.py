"""What tests on a real API server share beside the servers themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.namespaces import delete_leases
from localenv.operator import OPERATOR_NAMESPACE, OperatorProcess
from roleshift.cluster.client import KubernetesClient
from roleshift.engine.identity import ObjectRef
from support.cases import Case
from support.journeys import Begin, Journey
from support.migrations import Migration
from support.minimal_object import create_minimal
from support.shapes import Shape
from support.stage import Stage, set_stage


@pytest.fixture
def client(control_plane: ControlPlane) -> Iterator[KubernetesClient]:
    """The operator's client with an administrator's rights."""
    created = KubernetesClient.from_environment(kubeconfig=str(control_plane.kubeconfig), timeout=10)
    yield created
    created.close()


@pytest.fixture
def ref(control_plane: ControlPlane, namespace: str) -> ObjectRef:
    """A RoleMigration as it is right after its creation."""
    return create_minimal(control_plane, namespace)


@pytest.fixture(scope="module")
def operator_environment() -> dict[str, str]:
    """Environment variables for a file's operator; a file can override this."""
    return {}


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, operator_kubeconfig: Path, operator_environment: dict[str, str]
) -> Iterator[OperatorProcess]:
    """One operator for all namespaces and for all tests of a file, under the rights of deploy/base."""
    with OperatorProcess(operator_kubeconfig, environment=operator_environment) as running:
        yield running
    delete_leases(control_plane.api, OPERATOR_NAMESPACE)


@pytest.fixture
def case(control_plane: ControlPlane, namespace: str, database: Database, operator: OperatorProcess) -> Case:
    """A case in a namespace and a database of its own; nothing is applied yet."""
    return Case.of_40_users(operator, Migration(control_plane, namespace), database)


@pytest.fixture
def stage(
    control_plane: ControlPlane, namespace: str, database: Database, operator: OperatorProcess
) -> Stage:
    """A table of 1,000 users with a gate, and the file's operator at work; nothing is applied yet."""
    return set_stage(control_plane, namespace, database, lambda **_: operator)


@pytest.fixture
def begin(
    control_plane: ControlPlane, namespace: str, database: Database, operator: OperatorProcess
) -> Begin:
    """Begins journeys in one database and one namespace, before the file's operator."""
    assert operator.running
    made: list[Shape] = []

    def begin(shape: Shape, name: str = "seniority") -> Journey:
        if not made:
            shape.create(database)
            made.append(shape)
        return Journey.begin(Migration(control_plane, namespace, name), database, shape)

    return begin
