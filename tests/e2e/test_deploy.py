"""What deploy/ holds is accepted by a real API server and gives the operator the least rights."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from localenv.controlplane import ControlPlane
from localenv.operator import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE
from localenv.repository import DEPLOY_BASE

MAY = [
    ("list", "rolemigrations.roleshift.dev", "people"),
    ("watch", "rolemigrations.roleshift.dev", "people"),
    ("patch", "rolemigrations.roleshift.dev", "people"),
    ("patch", "rolemigrations.roleshift.dev/status", "people"),
    ("get", "secrets", "people"),
    ("get", "configmaps", "people"),
    ("create", "events", "people"),
    ("list", "pods", "people"),
    ("get", "namespaces/kube-system", "people"),
    ("create", "leases.coordination.k8s.io", OPERATOR_NAMESPACE),
    ("update", "leases.coordination.k8s.io/roleshift-operator", OPERATOR_NAMESPACE),
]
MUST_NOT = [
    ("create", "rolemigrations.roleshift.dev", "people"),
    ("delete", "rolemigrations.roleshift.dev", "people"),
    ("list", "secrets", "people"),
    ("watch", "secrets", "people"),
    ("update", "secrets", "people"),
    ("list", "configmaps", "people"),
    ("get", "pods", "people"),
    ("watch", "pods", "people"),
    ("get", "namespaces/default", "people"),
    ("update", "leases.coordination.k8s.io/another", OPERATOR_NAMESPACE),
    ("create", "leases.coordination.k8s.io", "people"),
    ("list", "customresourcedefinitions.apiextensions.k8s.io", "people"),
]


@pytest.fixture(scope="module")
def rendered(control_plane: ControlPlane) -> list[dict[str, Any]]:
    """What `kubectl kustomize deploy/base` prints."""
    text = control_plane.kubectl("kustomize", str(DEPLOY_BASE)).stdout
    return list(yaml.safe_load_all(text))


def _can(control_plane: ControlPlane, kubeconfig: Path, question: tuple[str, str, str]) -> bool:
    verb, resource, namespace = question
    arguments = ["auth", "can-i", verb, resource, "--namespace", namespace]
    return control_plane.kubectl(*arguments, check=False, kubeconfig=kubeconfig).stdout.strip() == "yes"


@pytest.mark.usefixtures("operator_kubeconfig")
def test_the_api_server_accepts_every_object(
    control_plane: ControlPlane, rendered: list[dict[str, Any]]
) -> None:
    text = yaml.safe_dump_all(rendered)
    applied = control_plane.kubectl("apply", "--server-side", "--dry-run=server", "--filename=-", input=text)
    assert len(applied.stdout.splitlines()) == len(rendered)
    assert applied.stderr == ""


def test_the_operator_may_do_what_a_run_needs(control_plane: ControlPlane, operator_kubeconfig: Path) -> None:
    assert [question for question in MAY if not _can(control_plane, operator_kubeconfig, question)] == []


def test_the_operator_may_do_no_more(control_plane: ControlPlane, operator_kubeconfig: Path) -> None:
    assert [question for question in MUST_NOT if _can(control_plane, operator_kubeconfig, question)] == []


@pytest.mark.usefixtures("operator_kubeconfig")
def test_the_pods_pass_the_restricted_pod_security_standard(
    control_plane: ControlPlane, rendered: list[dict[str, Any]]
) -> None:
    deployment = next(item for item in rendered if item["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {**template["metadata"], "name": "probe", "namespace": OPERATOR_NAMESPACE}
    accepted = control_plane.kubectl("create", "--dry-run=server", "--filename=-", input=yaml.safe_dump(pod))
    assert accepted.stderr == ""
    assert pod["spec"]["serviceAccountName"] == OPERATOR_ACCOUNT
