"""From spec.connection to connection parameters: reads the Secret and the CA."""

from roleshift.api import CAKind, CARef, Connection, RoleMigration
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
