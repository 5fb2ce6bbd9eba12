"""From spec.connection to connection parameters: reads the Secret and the CA."""

from pathlib import Path

from roleshift.api import CAKind, CARef, Connection, RoleMigration
from roleshift.archive.store import StoreAddress, unknown_settings
from roleshift.controller.ports import Secrets
from roleshift.engine.connection import ConnectionParameters, parameters_from_secret
from roleshift.errors import ClusterError, Reason, SpecError


async def connection_parameters(
    secrets: Secrets, namespace: str, connection: Connection
) -> ConnectionParameters:
    """The parameters that the manifest's Secret gives.

    Raises:
        ClusterError: SecretNotFound or SecretInvalid; retryable, people can mend both.
    """
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
    secrets: Secrets, migration: RoleMigration, allowed: tuple[Path, ...]
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


class StoreAccess:
    """The store of one object, kept in memory for when its Secret goes away."""

    def __init__(self, secrets: Secrets, allowed: tuple[Path, ...]) -> None:
        self._secrets = secrets
        self._allowed = allowed
        self._last: StoreAddress | None = None

    async def read(self, migration: RoleMigration) -> StoreAddress:
        """As the Secret has it, or as it was when the Secret goes away together with the object.

        Raises:
            ClusterError: as `store_address`.
        """
        try:
            self._last = await store_address(self._secrets, migration, self._allowed)
        except ClusterError:
            if migration.metadata.deletion_timestamp is None or self._last is None:
                raise
        return self._last


class Credentials:
    """The connection parameters of one object, kept in memory for when its Secret goes away."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._last: ConnectionParameters | None = None

    async def read(self, migration: RoleMigration) -> ConnectionParameters:
        """The Secret's, or those in memory when the Secret goes away together with the object.

        Raises:
            ClusterError: as `connection_parameters`.
        """
        meta = migration.metadata
        try:
            self._last = await connection_parameters(self._secrets, meta.namespace, migration.spec.connection)
        except ClusterError:
            if meta.deletion_timestamp is None or self._last is None:
                raise
        return self._last
