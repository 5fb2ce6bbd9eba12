"""Reads Secrets and ConfigMaps, once each time that a run needs them; nothing is kept.

What a value means is for others: `engine.connection` makes a connection of it.
"""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from roleshift.cluster.client import KubernetesClient, NotFoundError
from roleshift.errors import ClusterError, Reason


class SecretReader:
    """Reads the data of Secrets and ConfigMaps as bytes."""

    def __init__(
        self, client: KubernetesClient, *, on_secret: Callable[[str, bytes], None] | None = None
    ) -> None:
        """Takes what to call with each key and value of a Secret before it is handed out: the redactor."""
        self._client = client
        self._on_secret = on_secret

    async def read(self, namespace: str, name: str) -> dict[str, bytes]:
        """The data of one Secret, decoded.

        Raises:
            ClusterError: SecretNotFound when it is not there, retryable; else as `KubernetesClient.request`.
        """
        body = await self._get("Secret", "secrets", namespace, name)
        data = _decoded(body.get("data"))
        if self._on_secret is not None:
            for key, value in data.items():
                self._on_secret(key, value)
        return data

    async def read_config_map(self, namespace: str, name: str) -> dict[str, bytes]:
        """The data and the binary data of one ConfigMap.

        Raises:
            ClusterError: as for `read`.
        """
        body = await self._get("ConfigMap", "configmaps", namespace, name)
        text = {key: value.encode() for key, value in (body.get("data") or {}).items()}
        return text | _decoded(body.get("binaryData"))

    async def _get(self, kind: str, plural: str, namespace: str, name: str) -> dict[str, Any]:
        where = f"/api/v1/namespaces/{quote(namespace, safe='')}/{plural}/{quote(name, safe='')}"
        try:
            return await self._client.request("GET", where)
        except NotFoundError as error:
            raise ClusterError(
                Reason.SECRET_NOT_FOUND,
                f'{kind} "{name}" is not in namespace "{namespace}"; create it there, '
                "or correct its name in the manifest",
                retryable=True,
            ) from error


def _decoded(data: dict[str, str] | None) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in (data or {}).items()}
