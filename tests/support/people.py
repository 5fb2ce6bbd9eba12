"""People with an account of their own, and what the API server lets them do with a migration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localenv.controlplane import ControlPlane
from support.cli_shell import Shell
from support.migrations import Migration

_MAY = "ValidatingAdmissionPolicy 'roleshift-approval' with binding 'roleshift-approval' denied request: "


@dataclass(frozen=True)
class Person:
    """Somebody with the rights of one ClusterRole in a migration's namespace."""

    migration: Migration
    name: str
    kubeconfig: Path

    @classmethod
    def with_role(cls, migration: Migration, name: str, role: str) -> "Person":
        """A service account that the ClusterRole is bound to."""
        account = {"kind": "ServiceAccount", "name": name, "namespace": migration.namespace}
        metadata = {"name": name, "namespace": migration.namespace}
        rbac = "rbac.authorization.k8s.io"
        migration.apply_manifest({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        migration.apply_manifest(
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
                "subjects": [account],
            }
        )
        control_plane: ControlPlane = migration.control_plane
        kubeconfig = control_plane.service_account_kubeconfig(migration.namespace, name)
        return cls(migration, name, kubeconfig)

    @property
    def user(self) -> str:
        """What the API server calls this person."""
        return f"system:serviceaccount:{self.migration.namespace}:{self.name}"

    @property
    def shell(self) -> Shell:
        """`roleshift` with this person's rights."""
        migration = self.migration
        return Shell(migration.control_plane.api, self.kubeconfig, migration.namespace, migration.name)

    def patch(self, spec: Mapping[str, Any], *flags: str) -> str:
        """Patch the spec; "" when that was accepted, else why not."""
        body = json.dumps({"spec": spec})
        return self._kubectl(
            "patch", "rolemig", self.migration.name, "--type=merge", f"--patch={body}", *flags
        )

    def create(self, spec: Mapping[str, Any], name: str) -> str:
        """Create a migration, without storing it; "" when that would be accepted, else why not."""
        manifest = {
            "apiVersion": "roleshift.dev/v1alpha1",
            "kind": "RoleMigration",
            "metadata": {"name": name},
            "spec": spec,
        }
        return self._kubectl("create", "--dry-run=server", "--filename=-", input=json.dumps(manifest))

    def _kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run
        done = self.migration.control_plane.kubectl(
            "-n", self.migration.namespace, *arguments, input=input, check=False, kubeconfig=self.kubeconfig
        )
        return done.stderr.partition(_MAY)[2] or done.stderr
