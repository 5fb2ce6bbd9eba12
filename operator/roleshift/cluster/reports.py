"""The ConfigMap `<name>-report` of a RoleMigration: owned by the object, replaced by a later report.

A ConfigMap of that name that is somebody else's is never touched.
"""

from typing import Any
from urllib.parse import quote

from roleshift.api import API_VERSION, KIND
from roleshift.cluster.client import ConflictError, ContentType, KubernetesClient
from roleshift.engine.identity import ObjectKey, ObjectRef
from roleshift.errors import ClusterError, Reason

ENTRY = "report.json"


def report_name(key: ObjectKey) -> str:
    """The name of the ConfigMap; names of RoleMigrations leave room for it."""
    return f"{key.name}-report"


class ReportTakenError(ClusterError):
    """A ConfigMap of the report's name is there that is not the object's."""


class Reports:
    """Writes and reads the reports of RoleMigrations."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    async def write(self, ref: ObjectRef, text: str) -> None:
        """Write a report: one request for the first of an object.

        Raises:
            ReportTakenError: the ConfigMap is somebody else's, and is left as it is.
            ClusterError: as `KubernetesClient.request`.
        """
        try:
            await self._client.request("POST", _collection(ref.key), _config_map(ref, text))
        except ConflictError:
            await self._replace(ref, text)

    async def read(self, key: ObjectKey, uid: str) -> str | None:
        """The report of an object, None where a ConfigMap of that name is not its own.

        Raises:
            NotFoundError: there is none.
        """
        found = await self._client.request("GET", _path(key))
        text = (found.get("data") or {}).get(ENTRY)
        return text if _is_owned(found, uid) else None

    async def _replace(self, ref: ObjectRef, text: str) -> None:
        found = await self._client.request("GET", _path(ref.key))
        if not _is_owned(found, ref.uid):
            raise ReportTakenError(
                Reason.KUBERNETES_REFUSED,
                f"the ConfigMap {report_name(ref.key)} belongs to somebody else and is left as it is; "
                "rename it, or read the report with `roleshift report`",
            )
        version = found["metadata"]["resourceVersion"]
        body = {"metadata": {"resourceVersion": version}, "data": {ENTRY: text}}
        await self._client.request("PATCH", _path(ref.key), body, content_type=ContentType.MERGE_PATCH)


def _collection(key: ObjectKey) -> str:
    return f"/api/v1/namespaces/{quote(key.namespace, safe='')}/configmaps"


def _path(key: ObjectKey) -> str:
    return f"{_collection(key)}/{quote(report_name(key), safe='')}"


def _config_map(ref: ObjectRef, text: str) -> dict[str, Any]:
    owner = {"apiVersion": API_VERSION, "kind": KIND, "name": ref.name, "uid": ref.uid, "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": report_name(ref.key), "ownerReferences": [owner]},
        "data": {ENTRY: text},
    }


def _is_owned(found: dict[str, Any], uid: str) -> bool:
    owners = found["metadata"].get("ownerReferences") or ()
    return any(owner.get("uid") == uid for owner in owners)
