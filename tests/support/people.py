"""People with an account of their own, and what the API server lets them do with a migration."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localenv.controlplane import ControlPlane
from support.cli_shell import Shell
from support.migrations import Migration

_RBAC = "rbac.authorization.k8s.io"
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
        return cls._bound(migration, name, "ClusterRole", role)

    @classmethod
    def with_rules(cls, migration: Migration, name: str, rules: Sequence[Mapping[str, Any]]) -> "Person":
        """A service account with a Role of its own."""
        migration.apply_manifest(
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": "Role",
                "metadata": {"name": name, "namespace": migration.namespace},
                "rules": list(rules),
            }
        )
        return cls._bound(migration, name, "Role", name)

    @classmethod
    def _bound(cls, migration: Migration, name: str, kind: str, role: str) -> "Person":
        account = {"kind": "ServiceAccount", "name": name, "namespace": migration.namespace}
        metadata = {"name": name, "namespace": migration.namespace}
        migration.apply_manifest({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        migration.apply_manifest(
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role},
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
        return self.patch_body({"spec": spec}, *flags)

    def patch_body(self, body: Mapping[str, Any], *flags: str) -> str:
        """Patch anything of the object; "" when that was accepted, else why not."""
        patch = f"--patch={json.dumps(body)}"
        return self.kubectl("patch", "rolemig", self.migration.name, "--type=merge", patch, *flags)

    def create(self, spec: Mapping[str, Any], name: str) -> str:
        """Create a migration, without storing it; "" when that would be accepted, else why not."""
        return self._try_to_create({"name": name}, spec)

    def create_with_a_name_of_its_own(self, spec: Mapping[str, Any]) -> str:
        """The same, with a name that the API server makes."""
        return self._try_to_create({"generateName": "made-"}, spec)

    def apply(self, spec: Mapping[str, Any]) -> str:
        """Server-side apply these fields of the spec, by force; "" when that was accepted, else why not."""
        manifest = json.dumps(_manifest({"name": self.migration.name}, spec))
        return self.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", input=manifest)

    def _try_to_create(self, metadata: Mapping[str, str], spec: Mapping[str, Any]) -> str:
        manifest = json.dumps(_manifest(metadata, spec))
        return self.kubectl("create", "--dry-run=server", "--filename=-", input=manifest)

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run
        """kubectl with this person's rights; "" when all went well, else why not."""
        done = self.migration.control_plane.kubectl(
            "-n", self.migration.namespace, *arguments, input=input, check=False, kubeconfig=self.kubeconfig
        )
        return done.stderr.partition(_MAY)[2] or done.stderr


def _manifest(metadata: Mapping[str, str], spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "roleshift.dev/v1alpha1",
        "kind": "RoleMigration",
        "metadata": dict(metadata),
        "spec": dict(spec),
    }
