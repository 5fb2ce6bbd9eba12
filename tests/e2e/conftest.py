"""What tests on a real API server share beside the servers themselves."""

from collections.abc import Iterator

import pytest

from localenv.controlplane import ControlPlane
from roleshift.cluster.client import KubernetesClient
from roleshift.engine.identity import ObjectRef
from support.minimal_object import create_minimal


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
