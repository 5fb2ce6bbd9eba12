"""One blocking request to the Kubernetes API, with the credentials that kubectl would use.

For the threads of `client.py`, which judges the answers. Nothing else touches
the package kubernetes: only its configuration loaders and its generic
ApiClient are used, none of its models.
"""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import config as loaders
from kubernetes.client import ApiClient, ApiException, Configuration
from kubernetes.client.rest import should_bypass_proxies

from roleshift.errors import ClusterError, Reason

_DEFAULT_KUBECONFIG = "~/.kube/config"
_CONNECTIONS = 8

# A request that may have arrived is sent again only when that can change nothing, and a wait that
# the server asks for is the caller's, who waits without holding a thread.
_RETRIES = urllib3.Retry(
    total=2,
    connect=1,
    read=1,
    redirect=0,
    status=0,
    other=0,
    allowed_methods={"GET"},
    respect_retry_after_header=False,
)


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """Where credentials come from; both None means KUBECONFIG, ~/.kube/config or the pod, in this order."""

    kubeconfig: str | None = None
    context: str | None = None

    def path(self) -> str | None:
        """The kubeconfig to read, a list of paths as in KUBECONFIG, or None inside a cluster."""
        explicit = self.kubeconfig or os.environ.get("KUBECONFIG")
        if explicit:
            return explicit
        default = Path(_DEFAULT_KUBECONFIG).expanduser()
        return str(default) if self.context is not None or default.exists() else None


@dataclass(frozen=True, slots=True)
class ClusterCredentials:
    """What another HTTP client needs to reach the same API server as the same user.

    Attributes:
        authorization: the value of the Authorization header, or "".
        ca_file: PEM file, or None for the system's authorities.
    """

    server: str
    authorization: str = field(repr=False)
    ca_file: str | None
    verify: bool
    certificate_file: str | None
    key_file: str | None
    proxy_url: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One request: the path begins with a slash, the query holds strings, the body is JSON."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said; the body is {} when it was empty."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


class Transport:
    """A connection pool and the credentials that it uses. Safe to use from several threads."""

    def __init__(self, source: CredentialSource, user_agent: str) -> None:
        self._source = source
        self._user_agent = user_agent
        self._lock = threading.Lock()
        self._api = self._connect()

    def send(self, request: Request) -> Answer:
        """Sends one request and reads the whole answer, whatever its status.

        Raises:
            ClusterError: no answer, or one that is no JSON; retryable.
        """
        api = self._api
        try:
            response = api.call_api(*_serialized(api, request), _request_timeout=request.timeout)
            payload = response.read()
        except (urllib3.exceptions.HTTPError, ApiException, loaders.ConfigException, OSError) as error:
            raise _unreachable(api.configuration.host, error) from error
        return Answer(response.status, dict(response.headers), _parsed(payload, response.status))

    def reload(self) -> None:
        """Reads the credentials again: they may have been replaced since the start.

        Requests under way end on their old connections, which go with the last of them.
        """
        with self._lock:
            self._api = self._connect()

    def credentials(self) -> ClusterCredentials:
        """The credentials as they are now: a service account's token is read from its file again."""
        configuration = self._api.configuration
        proxy = configuration.proxy
        bypassed = should_bypass_proxies(configuration.host, configuration.no_proxy or "")
        return ClusterCredentials(
            server=configuration.host,
            authorization=configuration.get_api_key_with_prefix("BearerToken") or "",
            ca_file=configuration.ssl_ca_cert,
            verify=configuration.verify_ssl,
            certificate_file=configuration.cert_file,
            key_file=configuration.key_file,
            proxy_url=None if bypassed else proxy,
        )

    def close(self) -> None:
        """Closes the idle connections."""
        self._api.close()

    def _connect(self) -> Any:
        api = ApiClient(_configuration(self._source))
        api.user_agent = self._user_agent
        return api


def _configuration(source: CredentialSource) -> Any:
    configuration = Configuration()
    configuration.retries = _RETRIES
    configuration.connection_pool_maxsize = _CONNECTIONS
    configuration.keep_alive = True
    path = source.path()
    try:
        if path is None:
            loaders.load_incluster_config(  # type: ignore[no-untyped-call]
                client_configuration=configuration
            )
        else:
            loaders.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=path,
                context=source.context,
                client_configuration=configuration,
                persist_config=False,
            )
    except (loaders.ConfigException, OSError) as error:
        raise ClusterError(
            Reason.KUBERNETES_UNAVAILABLE,
            f"no credentials for the Kubernetes API ({error}); set KUBECONFIG or --kubeconfig, "
            "or run with a service account in the cluster",
        ) from error
    return configuration


def _serialized(api: Any, request: Request) -> Any:
    return api.param_serialize(
        request.method,
        request.path,
        query_params=list(request.query.items()),
        header_params=dict(request.headers),
        body=request.body,
        auth_settings=["BearerToken"],
    )


def _parsed(payload: bytes, status: int) -> dict[str, Any]:
    try:
        body = json.loads(payload) if payload else {}
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    if status >= 400:
        return {"message": payload[:256].decode(errors="replace")}
    raise ClusterError(
        Reason.KUBERNETES_UNAVAILABLE,
        "the Kubernetes API answered with something else than a JSON object; is a proxy in between?",
        retryable=True,
    )


def _unreachable(host: str, error: Exception) -> ClusterError:
    cause = getattr(error, "reason", None) or error
    return ClusterError(
        Reason.KUBERNETES_UNAVAILABLE,
        f"the Kubernetes API at {host} does not answer: {cause}",
        retryable=True,
    )
