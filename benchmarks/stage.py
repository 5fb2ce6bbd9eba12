"""The real parts of a measurement: control plane, PostgreSQL and an operator under its own rights."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.namespaces import create_namespace
from localenv.operator import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, OperatorProcess
from localenv.postgres import PostgresServer
from localenv.repository import DEPLOY_BASE

ENDS = frozenset({"Done", "RolledBack", "Failed"})
LOOK_SECONDS = 0.01
LONGEST_RUN_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Servers and an operator that watches one namespace."""

    control_plane: ControlPlane
    postgres: PostgresServer
    operator: OperatorProcess
    namespace: str

    def create_secret(self, name: str, uri: str) -> None:
        """A Secret with the URI of a database."""
        encoded = base64.b64encode(uri.encode()).decode()
        body = {"metadata": {"name": name}, "data": {"uri": encoded}}
        self.control_plane.api.request("POST", f"/api/v1/namespaces/{self.namespace}/secrets", body)

    def migrate(self, name: str, manifest: Mapping[str, Any]) -> float:
        """Create a RoleMigration and wait until it is Done; the seconds that took."""
        started = time.monotonic()
        self.control_plane.api.request("POST", self._objects, dict(manifest))
        return self._seconds_until(name, "Done", started)

    def roll_back(self, name: str) -> float:
        """Ask for the old roles and wait until they are back; the seconds that took."""
        started = time.monotonic()
        self.control_plane.api.request(
            "PATCH",
            f"{self._objects}/{name}",
            {"spec": {"desiredState": "RolledBack"}},
            content_type="application/merge-patch+json",
        )
        return self._seconds_until(name, "RolledBack", started)

    def status(self, name: str) -> Mapping[str, Any]:
        """What the operator reports of a run."""
        found: Mapping[str, Any] = self.control_plane.api.request("GET", f"{self._objects}/{name}")["status"]
        return found

    @property
    def _objects(self) -> str:
        return f"/apis/roleshift.dev/v1alpha1/namespaces/{self.namespace}/rolemigrations"

    def _seconds_until(self, name: str, phase: str, started: float) -> float:
        found: Mapping[str, Any] = {}
        while time.monotonic() < started + LONGEST_RUN_SECONDS:
            found = self.control_plane.api.request("GET", f"{self._objects}/{name}").get("status", {})
            if found.get("phase") == phase:
                return time.monotonic() - started
            if found.get("phase") in ENDS - {"Done"}:
                break
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(f"{name} did not come to {phase}: {json.dumps(found.get('conditions'))}")


@contextmanager
def stage(*arguments: str) -> Iterator[Stage]:
    """Start everything, end everything.

    Args:
        arguments: more flags of the operator.
    """
    with ControlPlane() as control_plane, PostgresServer(18) as postgres:
        control_plane.kubectl("apply", "--server-side", f"--kustomize={DEPLOY_BASE}")
        kubeconfig = control_plane.service_account_kubeconfig(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT, 4 * 3600)
        namespace = create_namespace(control_plane.api)
        with OperatorProcess(kubeconfig, namespace=namespace, arguments=arguments) as operator:
            yield Stage(control_plane, postgres, operator, namespace)


@contextmanager
def fresh_database(on: Stage) -> Iterator[Database]:
    """A database for one sample."""
    database = Database.create(on.postgres)
    yield database
    database.drop()
