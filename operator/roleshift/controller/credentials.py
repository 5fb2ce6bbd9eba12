"""From spec.connection to connection parameters: reads the Secret and the CA."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar

from roleshift.api import CAKind, CARef, RoleMigration
from roleshift.archive.store import StoreAddress, unknown_settings
from roleshift.controller.ports import Secrets
from roleshift.engine.connection import ConnectionParameters, parameters_from_secret
from roleshift.errors import ClusterError, Reason, SpecError

T = TypeVar("T")


async def connection_parameters(secrets: Secrets, migration: RoleMigration) -> ConnectionParameters:
    """The parameters that the manifest's Secret gives.

    Raises:
        ClusterError: SecretNotFound or SecretInvalid; retryable, people can mend both.
    """
    namespace, connection = migration.metadata.namespace, migration.spec.connection
    reference = connection.secret_ref
    if reference is None:
        raise SpecError(Reason.NOT_SUPPORTED, "spec.connection.secretRef is needed")
    data = await secrets.read(namespace, reference.name)
    return parameters_from_secret(
        data,
        secret=reference.name,
        key=reference.key,
        ssl_mode=connection.ssl_mode,
        ca_certificate=await _ca_certificate(secrets, namespace, connection.ca_ref),
    )


async def _ca_certificate(secrets: Secrets, namespace: str, reference: CARef | None) -> str:
    if reference is None:
        return ""
    read = secrets.read if reference.kind is CAKind.SECRET else secrets.read_config_map
    data = await read(namespace, reference.name)
    if reference.key not in data:
        raise ClusterError(
            Reason.SECRET_INVALID,
            f'{reference.kind} "{reference.name}" has no key "{reference.key}" (its keys: '
            f"{', '.join(sorted(data)) or 'none'}); correct spec.connection.caRef.key",
            retryable=True,
        )
    return data[reference.key].decode(errors="replace")


async def store_address(
    secrets: Secrets, allowed: tuple[Path, ...], migration: RoleMigration
) -> StoreAddress:
    """Where the archive of a migration lies, and how to get in.

    Args:
        allowed: folders below which file:// may write.

    Raises:
        ClusterError: SecretNotFound or SecretInvalid; retryable, people can mend both.
        SpecError: the manifest names no archive any more.
    """
    wanted = migration.spec.backup.archive
    if wanted is None:
        raise SpecError(Reason.INVALID_ARCHIVE, "spec.backup.archive is gone; put it back")
    data: dict[str, bytes] = {}
    if wanted.secret_ref is not None:
        data = await secrets.read(migration.metadata.namespace, wanted.secret_ref.name)
    config = {key: value.decode(errors="replace").strip() for key, value in data.items()}
    unknown = unknown_settings(wanted.url, config)
    if unknown and wanted.secret_ref is not None:
        raise ClusterError(
            Reason.SECRET_INVALID,
            f'Secret "{wanted.secret_ref.name}": {", ".join(unknown)} are no settings of {wanted.url}; each '
            "entry is one, such as aws_access_key_id, aws_secret_access_key, aws_region and aws_endpoint",
            retryable=True,
        )
    return StoreAddress(wanted.url, config, allowed)


class Remembered(Generic[T]):
    """What the Secret of one object gives, kept for when that goes away together with the object."""

    def __init__(self, read: Callable[[RoleMigration], Awaitable[T]]) -> None:
        self._read = read
        self._last: T | None = None

    async def read(self, migration: RoleMigration) -> T:
        """As the Secret has it, or as it was when the Secret goes away together with the object.

        Raises:
            ClusterError: as what reads it.
        """
        try:
            self._last = await self._read(migration)
        except ClusterError:
            if migration.metadata.deletion_timestamp is None or self._last is None:
                raise
        return self._last
