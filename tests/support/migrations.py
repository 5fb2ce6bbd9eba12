"""One RoleMigration on a real API server, as a test acts on it and looks at it."""

import copy
import json
from collections.abc import Mapping
from typing import Any

from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.wait import wait_until

ENDS = ("Done", "RolledBack", "Failed")
MAPPINGS = [
    {"from": "junior_dev", "to": "developer", "seniority": "junior"},
    {"from": "senior_dev", "to": "developer", "seniority": "senior"},
    {"from": "manager", "to": "lead"},
    {"from": "admin", "to": "admin", "seniority": "lead"},
]
SPEC: dict[str, Any] = {
    "connection": {"secretRef": {"name": "people-db", "key": "uri"}},
    "target": {"table": "user_profiles"},
    "mappings": MAPPINGS,
    "retry": {"backoffSeconds": 1, "maxBackoffSeconds": 2},
}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, object by object; None removes a field."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


class Migration:
    """A RoleMigration of one namespace."""

    def __init__(self, control_plane: ControlPlane, namespace: str, name: str = "seniority") -> None:
        self.control_plane = control_plane
        self.namespace = namespace
        self.name = name

    def apply(self, **changes: Any) -> None:
        """Apply the sample manifest with changes to its spec."""
        self.apply_manifest(
            {
                "apiVersion": "roleshift.dev/v1alpha1",
                "kind": "RoleMigration",
                "metadata": {"name": self.name, "namespace": self.namespace},
                "spec": merged(SPEC, changes),
            }
        )

    def apply_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Apply any object."""
        self.control_plane.kubectl("apply", "-f", "-", input=json.dumps(manifest))

    def secret(self, uri: str, name: str = "people-db") -> None:
        """Create or replace the Secret with the database's URI."""
        self.apply_manifest(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": self.namespace},
                "stringData": {"uri": uri},
            }
        )

    def patch(
        self, spec: Mapping[str, Any] | None = None, annotations: Mapping[str, str | None] | None = None
    ) -> None:
        """Merge-patch spec and annotations; None removes."""
        body = {"spec": spec or {}, "metadata": {"annotations": annotations or {}}}
        self.control_plane.api.request("PATCH", self.path, body, "application/merge-patch+json")

    def roll_back(self) -> None:
        """Ask for the old roles as Git would."""
        self.patch({"desiredState": "RolledBack"})

    def delete(self) -> None:
        """Delete without waiting for the finalizer."""
        self.kubectl("delete", "rolemig", self.name, "--wait=false")

    def kubectl(self, *arguments: str) -> str:
        """kubectl in the namespace; its output."""
        return self.control_plane.kubectl("-n", self.namespace, *arguments).stdout

    @property
    def path(self) -> str:
        """The object's path on the API server."""
        return f"/apis/roleshift.dev/v1alpha1/namespaces/{self.namespace}/rolemigrations/{self.name}"

    def read(self) -> dict[str, Any]:
        """The object."""
        return self.control_plane.api.request("GET", self.path)

    @property
    def status(self) -> dict[str, Any]:
        """Its status."""
        status: dict[str, Any] = self.read().get("status", {})
        return status

    def condition(self, kind: str) -> dict[str, Any]:
        """One condition, {} when it does not stand."""
        return condition_of(self.status, kind)

    def wait_for_phase(self, *phases: str, deadline: float = 60.0) -> dict[str, Any]:
        """Wait until the run is in one of the phases; the status then."""
        return self.wait_for(lambda s: s.get("phase") in phases, f"phase {' or '.join(phases)}", deadline)

    def wait_for_end(self, deadline: float = 60.0) -> dict[str, Any]:
        """Wait until the run ended; the status then."""
        return self.wait_for_phase(*ENDS, deadline=deadline)

    def wait_for_reason(self, reason: str, deadline: float = 60.0) -> dict[str, Any]:
        """Wait until Ready carries the reason; the status then."""
        return self.wait_for(
            lambda s: condition_of(s, "Ready").get("reason") == reason, f"reason {reason}", deadline
        )

    def wait_for(self, holds: Any, what: str, deadline: float = 60.0) -> dict[str, Any]:
        """Wait until something holds of the status; the status then."""
        found: dict[str, Any] = {}

        def look() -> dict[str, Any] | None:
            found.clear()
            found.update(self.status)
            return found if holds(found) else None

        wait_until(look, deadline, what)
        return found


def events_of(migration: Migration) -> list[tuple[str, str]]:
    """Type and reason of the object's events, oldest first."""
    items = json.loads(migration.kubectl("get", "events", "-o", "json"))["items"]
    mine = [item for item in items if item["involvedObject"]["name"] == migration.name]
    return [(item["type"], item["reason"]) for item in sorted(mine, key=lambda item: str(item["eventTime"]))]


def condition_of(status: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """One condition of a status, {} when it does not stand."""
    return next((c for c in status.get("conditions", []) if c["type"] == kind), {})


def ready_migration(control_plane: ControlPlane, namespace: str, database: Database) -> Migration:
    """A migration whose Secret is in place; not applied yet."""
    migration = Migration(control_plane, namespace)
    migration.secret(database.uri)
    return migration
