"""Pods and their metrics on a real API server: pods as Kubernetes has them, metrics from a stand-in's CRD."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localenv.api import Api, ApiError
from localenv.controlplane import ControlPlane
from localenv.wait import wait_until

DEFINITION = Path(__file__).parents[1] / "manifests" / "pod-metrics.yaml"
LABELS = {"app": "people-db"}
_GROUP = "/apis/metrics.k8s.io/v1beta1"
_DEFINITION_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/pods.metrics.k8s.io"
_SECONDS = 20.0


@contextmanager
def metrics_api(control_plane: ControlPlane) -> Iterator[None]:
    """Serve metrics.k8s.io for the block."""
    control_plane.apply(DEFINITION)
    api = control_plane.api
    wait_until(lambda: _is_served(api), _SECONDS, "metrics.k8s.io is served")
    try:
        yield
    finally:
        api.request("DELETE", _DEFINITION_PATH)
        wait_until(lambda: not _is_served(api), _SECONDS, "metrics.k8s.io is gone")


def run_pod(
    api: Api,
    namespace: str,
    name: str = "people-db-0",
    *,
    limits: Mapping[str, str] | None = None,
    phase: str = "Running",
) -> None:
    """Create a pod with a container `postgres`, and say of it that it runs."""
    container: dict[str, Any] = {
        "name": "postgres",
        "image": "postgres",
        "resources": {"limits": limits or {}},
    }
    path = f"/api/v1/namespaces/{namespace}/pods"
    pod = {"metadata": {"name": name, "labels": LABELS}, "spec": {"containers": [container]}}
    api.request("POST", path, pod)
    status = {"status": {"phase": phase}}
    api.request("PATCH", f"{path}/{name}/status", status, "application/merge-patch+json")


def measure(
    api: Api, namespace: str, name: str = "people-db-0", *, cpu: str = "250m", memory: str = "1Gi"
) -> None:
    """Write what a pod's container uses, as the metrics API tells it."""
    measured = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    metrics = {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {"name": name, "labels": LABELS},
        "timestamp": measured,
        "window": "15s",
        "containers": [{"name": "postgres", "usage": {"cpu": cpu, "memory": memory}}],
    }
    api.request("POST", f"{_GROUP}/namespaces/{namespace}/pods", metrics)


def _is_served(api: Api) -> bool:
    try:
        api.request("GET", f"{_GROUP}/pods?limit=1")
    except ApiError:
        return False
    return True
