"""How kopf is set up to be a watcher and nothing else.

Each value here answers something that kopf would otherwise do: post events,
write annotations, look for peers, scan the cluster, give up after nine
attempts, or kill the process ten minutes after a stream broke.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import kopf

from roleshift.cluster.client import USER_AGENT
from roleshift.cluster.transport import ClusterCredentials
from roleshift.controller.pauses import growing

REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
WATCH_SECONDS = 300
# kopf lists on while it works through what it has: larger pages are what its memory peaks with.
PAGE = 50
# kopf keeps a place in the queue for an object until it was idle for so long: few places with a long
# time would let a thousand objects wait for each other.
WORKERS = 100
IDLE_SECONDS = 0.02


class EndlessPauses(Iterable[float]):
    """1, 2, 4 … 30 seconds for ever, anew for each request that iterates over it."""

    def __iter__(self) -> Iterator[float]:
        return growing(1.0, 30.0)


class NoDiffs(kopf.DiffBaseStorage):
    """Keeps no copy of an object: kopf would put it into an annotation, which GitOps tools call drift."""

    def build(self, **_: Any) -> Any:
        """An empty essence: nothing is compared."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing was stored."""
        return None

    def store(self, **_: Any) -> None:
        """Stores nothing."""


class NoProgress(kopf.ProgressStorage):
    """Keeps no progress of handlers: there are none that have any."""

    def fetch(self, **_: Any) -> Any:
        """Nothing was stored."""
        return None

    def store(self, **_: Any) -> None:
        """Stores nothing."""

    def purge(self, **_: Any) -> None:
        """Removes nothing."""

    def touch(self, **_: Any) -> None:
        """Touches nothing."""

    def clear(self, *, essence: Any) -> Any:
        """The essence as it is."""
        return essence


class Login(kopf.ConnectionInfo):
    """kopf's credentials with Roleshift's name in the User-Agent header."""

    def as_http_headers(self) -> dict[str, str]:
        """The headers of each request."""
        return {**super().as_http_headers(), "User-Agent": USER_AGENT}

    def __repr__(self) -> str:
        return f"Login(server={self.server!r})"


def watcher_settings() -> kopf.OperatorSettings:
    """Fresh settings for one run of kopf, which changes them."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = None
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.connect_timeout = CONNECT_SECONDS
    settings.networking.error_backoffs = EndlessPauses()
    settings.networking.enforce_retry_after = True
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.chunk_size = PAGE
    settings.queueing.worker_limit = WORKERS
    settings.queueing.idle_timeout = IDLE_SECONDS
    _write_nothing(settings)
    return settings


def login(credentials: ClusterCredentials) -> Login:
    """The same user at the same API server, as kopf wants it."""
    scheme, _, token = credentials.authorization.partition(" ")
    return Login(
        server=credentials.server,
        ca_path=credentials.ca_file,
        insecure=not credentials.verify,
        scheme=scheme or None,
        token=token or None,
        certificate_path=credentials.certificate_file,
        private_key_path=credentials.key_file,
        proxy_url=credentials.proxy_url,
    )


def _write_nothing(settings: kopf.OperatorSettings) -> None:
    settings.persistence.diffbase_storage = NoDiffs()
    settings.persistence.progress_storage = NoProgress()
    # kopf removes its own finalizer where it finds one; under this name it never will.
    settings.persistence.finalizer = "roleshift.dev/never-set-by-kopf"
