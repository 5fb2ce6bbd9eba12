"""RoleMigrations in the cluster: where they are, read, listed and patched as plain JSON objects.

It doesn't validate: that is `api/`. Their status goes through `status_writer.py`.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from roleshift.api import API_VERSION, GROUP, PLURAL
from roleshift.cluster.client import ContentType, KubernetesClient, NotFoundError
from roleshift.engine.identity import ObjectKey

_PAGE = 500
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def collection_path(namespace: str | None) -> str:
    """Path of all RoleMigrations of a namespace, or of the whole cluster."""
    where = "" if namespace is None else f"/namespaces/{quote(namespace, safe='')}"
    return f"/apis/{API_VERSION}{where}/{PLURAL}"


def object_path(key: ObjectKey) -> str:
    """Path of one RoleMigration."""
    return f"{collection_path(key.namespace)}/{quote(key.name, safe='')}"


def status_path(key: ObjectKey) -> str:
    """Path of the status subresource of one RoleMigration."""
    return f"{object_path(key)}/status"


class RoleMigrations:
    """Reads and patches RoleMigrations. All methods raise ClusterError."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    async def get(self, key: ObjectKey) -> dict[str, Any]:
        """One object as the API server has it now.

        Raises:
            NotFoundError: there is none of that name.
        """
        return await self._client.request("GET", object_path(key))

    async def list(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """All objects of a namespace, or of the cluster when it is None."""
        return [item async for item in self._items(namespace, "application/json")]

    async def patch(self, key: ObjectKey, body: Mapping[str, Any]) -> dict[str, Any]:
        """Merges `body` into the object; with metadata.resourceVersion in it, only if it has not changed.

        Raises:
            ConflictError: the object has changed since that resourceVersion.
        """
        return await self._client.request(
            "PATCH", object_path(key), dict(body), content_type=ContentType.MERGE_PATCH
        )

    async def incarnations(self, namespace: str | None = None) -> dict[ObjectKey, str]:
        """The UID of each object that exists; reads metadata only, so it stays small with thousands."""
        items = [item["metadata"] async for item in self._items(namespace, _METADATA_LIST)]
        return {ObjectKey(meta["namespace"], meta["name"]): meta["uid"] for meta in items}

    async def run_of(self, key: ObjectKey) -> str | None:
        """The run that an object's status names; None where the object is gone, or names none."""
        try:
            found = await self.get(key)
        except NotFoundError:
            return None
        run_id: str | None = found.get("status", {}).get("runID")
        return run_id

    async def served(self) -> bool:
        """Whether the API server knows the kind, in its discovery too, from which kopf learns it."""
        groups = (await self._client.request("GET", "/apis")).get("groups", [])
        if GROUP not in {group["name"] for group in groups}:
            return False
        try:
            answer = await self._client.request("GET", f"/apis/{API_VERSION}")
        except NotFoundError:
            return False
        return PLURAL in {resource["name"] for resource in answer.get("resources", [])}

    async def _items(self, namespace: str | None, accept: str) -> AsyncIterator[dict[str, Any]]:
        query = {"limit": str(_PAGE)}
        while True:
            page = await self._client.request("GET", collection_path(namespace), query=query, accept=accept)
            # An empty list of metadata has null where one of objects has an empty array.
            for item in page["items"] or ():
                yield item
            token = page["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token
