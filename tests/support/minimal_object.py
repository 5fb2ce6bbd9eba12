"""The minimal RoleMigration as tests of the cluster room create it and look at it."""

from pathlib import Path
from typing import Any

from localenv.controlplane import ControlPlane
from roleshift.engine.identity import ObjectRef

MINIMAL = Path(__file__).parents[1] / "manifests" / "minimal.yaml"


def create_minimal(control_plane: ControlPlane, namespace: str) -> ObjectRef:
    """Create it; the reference is of the object right after its creation."""
    control_plane.apply(MINIMAL, namespace)
    return look(control_plane, namespace)


def stored(control_plane: ControlPlane, namespace: str) -> dict[str, Any]:
    """The object as the API server has it."""
    path = f"/apis/roleshift.dev/v1alpha1/namespaces/{namespace}/rolemigrations/minimal"
    return control_plane.api.request("GET", path)


def look(control_plane: ControlPlane, namespace: str) -> ObjectRef:
    """A reference to the object as it is now."""
    metadata = stored(control_plane, namespace)["metadata"]
    return ObjectRef(namespace, "minimal", metadata["uid"], metadata["resourceVersion"])
