"""The finalizer that keeps a RoleMigration until its run has ended.

When it is added and when it goes is the worker's decision; here is only how,
so that no change that somebody else made meanwhile is overwritten.
"""

from collections.abc import Sequence
from typing import Any

from roleshift.cluster.client import (
    ApiError,
    ConflictError,
    ContentType,
    InvalidError,
    KubernetesClient,
    NotFoundError,
)
from roleshift.cluster.migrations import RoleMigrations, object_path
from roleshift.engine.identity import ObjectRef

FINALIZER = "roleshift.dev/run"
_ATTEMPTS = 5


class Finalizers:
    """Adds and removes Roleshift's finalizer; other finalizers stay as they are."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._migrations = RoleMigrations(client)

    async def add(self, ref: ObjectRef, present: Sequence[str] | None = None) -> str:
        """Adds the finalizer if the object is still the one that was looked at.

        Args:
            ref: with its resource version, the object as the decision to start was made on.
                Without one, any state of this UID will do.
            present: the finalizers of that same object; None reads them first.

        Returns:
            The resource version after it.

        Raises:
            ConflictError: the object has changed, or is being deleted: look at it again.
            NotFoundError: there is no object of this name with this UID.
        """
        if present is None or not ref.resource_version:
            body = await self._current(ref)
            _unchanged(ref, body)
            ref, present = _read(ref, body)
        if FINALIZER in present:
            return ref.resource_version
        return await self._write(ref, [*present, FINALIZER])

    async def remove(self, ref: ObjectRef) -> None:
        """Removes the finalizer from this incarnation of the object, whatever else has changed.

        Nothing happens when it, or the object, is gone already.

        Raises:
            ConflictError: the object kept changing between five reads and writes.
        """
        if await self._removed_as_the_first(ref):
            return
        for _ in range(_ATTEMPTS):
            try:
                current, present = _read(ref, await self._current(ref))
                if FINALIZER in present:
                    await self._write(current, [name for name in present if name != FINALIZER])
            except NotFoundError:
                return
            except ConflictError as error:
                conflict = error
            else:
                return
        raise conflict

    async def _removed_as_the_first(self, ref: ObjectRef) -> bool:
        """Removes it in one request where it is the first of the list, as it nearly always is."""
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": ref.uid},
            {"op": "test", "path": "/metadata/finalizers/0", "value": FINALIZER},
            {"op": "remove", "path": "/metadata/finalizers/0"},
        ]
        try:
            await self._client.request(
                "PATCH", object_path(ref.key), patch, content_type=ContentType.JSON_PATCH
            )
        except (ConflictError, InvalidError, NotFoundError):
            return False
        return True

    async def _current(self, ref: ObjectRef) -> dict[str, Any]:
        body = await self._migrations.get(ref.key)
        if body["metadata"]["uid"] != ref.uid:
            raise NotFoundError(404, f"{ref.key} is another object of the same name now", retryable=False)
        return body

    async def _write(self, ref: ObjectRef, finalizers: list[str]) -> str:
        metadata = {"uid": ref.uid, "resourceVersion": ref.resource_version, "finalizers": finalizers}
        try:
            body = await self._migrations.patch(ref.key, {"metadata": metadata})
        except ApiError as error:
            if error.code == 422:
                # The API server refuses new finalizers on an object that is being deleted.
                raise ConflictError(409, error.message, retryable=True) from error
            raise
        return str(body["metadata"]["resourceVersion"])


def _read(ref: ObjectRef, body: dict[str, Any]) -> tuple[ObjectRef, Sequence[str]]:
    metadata = body["metadata"]
    current = ObjectRef(ref.namespace, ref.name, ref.uid, metadata["resourceVersion"])
    return current, metadata.get("finalizers", [])


def _unchanged(ref: ObjectRef, body: dict[str, Any]) -> None:
    metadata = body["metadata"]
    if metadata.get("deletionTimestamp"):
        raise ConflictError(409, f"{ref.key} is being deleted", retryable=True)
    if ref.resource_version and metadata["resourceVersion"] != ref.resource_version:
        raise ConflictError(409, f"{ref.key} has changed since it was read", retryable=True)
