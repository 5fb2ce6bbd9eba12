"""The Kubernetes API for coroutines: a few requests at a time, run in a small pool of threads.

It knows paths and JSON, no kinds: those are in the modules beside it. It
doesn't watch; that is kopf's task. The plain client of the package kubernetes
in four threads costs less memory than its asyncio variant and is enough for
the handful of requests that a run needs.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Any, ParamSpec, TypeVar

from roleshift import __version__
from roleshift.cluster.transport import Answer, ClusterCredentials, CredentialSource, Request, Transport
from roleshift.errors import ClusterError, Reason

FIELD_MANAGER = "roleshift"
USER_AGENT = f"roleshift/{__version__}"
_THREADS = 4
_WRITES = frozenset({"POST", "PUT", "PATCH"})
_UNANSWERED = "Error"

RequestCounter = Callable[[str, str], None]
P = ParamSpec("P")
T = TypeVar("T")


class ContentType(StrEnum):
    """How a request's body is meant."""

    JSON = "application/json"
    MERGE_PATCH = "application/merge-patch+json"
    JSON_PATCH = "application/json-patch+json"


class ApiError(ClusterError):
    """The API server answered with an error.

    Attributes:
        code: HTTP status.
        retry_after: seconds that the server asks to wait, or None.
    """

    code: int
    retry_after: float | None

    def __init__(self, code: int, message: str, *, retryable: bool, retry_after: float | None = None) -> None:
        reason = Reason.KUBERNETES_UNAVAILABLE if _is_outage(code) else Reason.KUBERNETES_REFUSED
        super().__init__(reason, message, retryable=retryable)
        self.code = code
        self.retry_after = retry_after


class NotFoundError(ApiError):
    """The object, its namespace or its kind is not there."""


class ConflictError(ApiError):
    """The object has changed since it was read, or exists already: read it again."""


class InvalidError(ApiError):
    """The API server refuses the content, or the `test` of a JSON patch failed."""


class KubernetesClient:
    """Requests to one API server. Safe to use from several loops and threads."""

    def __init__(
        self,
        transport: Transport,
        *,
        timeout: float = 30.0,
        threads: int = _THREADS,
        on_request: RequestCounter | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._transport = transport
        self._on_close = on_close
        self._timeout = timeout
        self._on_request = on_request
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="kubernetes")

    @classmethod
    def from_environment(
        cls,
        context: str | None = None,
        kubeconfig: str | None = None,
        timeout: float = 30.0,
        *,
        on_request: RequestCounter | None = None,
    ) -> "KubernetesClient":
        """A client with the credentials of `kubeconfig`, of KUBECONFIG, or of the pod that it runs in.

        Args:
            context: a context of the kubeconfig; None means its current one.
            kubeconfig: path, or several as in KUBECONFIG.
            timeout: seconds for a request, its waits included.
            on_request: called with the method and the status of each attempt ("Error" without an answer).

        Raises:
            ClusterError: there are no credentials.
        """
        transport = Transport(CredentialSource(kubeconfig, context), USER_AGENT)
        return cls(transport, timeout=timeout, on_request=on_request, on_close=transport.close)

    def lane(self, *, timeout: float, threads: int = 1) -> "KubernetesClient":
        """The same connections with threads of its own, so that slow requests elsewhere don't delay it.

        Closing it ends its threads only.
        """
        return KubernetesClient(
            self._transport, timeout=timeout, threads=threads, on_request=self._on_request
        )

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = ContentType.JSON,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """Sends one request and returns the answer's JSON object.

        Writes carry the field manager. A 429 is repeated when the wait that the
        server asks for still fits the timeout; after a 401 the credentials are
        read again once.

        Raises:
            NotFoundError, ConflictError, InvalidError: see there.
            ClusterError: everything else; retryable when trying again can help.
        """
        headers = {"Accept": accept} | ({"Content-Type": content_type} if body is not None else {})
        manager = {"fieldManager": FIELD_MANAGER} if method in _WRITES else {}
        request = Request(method, path, {**manager, **(query or {})}, headers, body, self._timeout)
        answer = await self._authenticated(request)
        if answer.status >= 400:
            raise _error(request, answer)
        return answer.body

    async def credentials(self) -> ClusterCredentials:
        """What another HTTP client needs to be the same user; see `Transport.credentials`."""
        return await self._in_thread(self._transport.credentials)

    async def reload(self) -> None:
        """Reads the credentials again."""
        await self._in_thread(self._transport.reload)

    def close(self) -> None:
        """Gives up what is queued and closes idle connections; requests under way end in their threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._on_close is not None:
            self._on_close()

    async def _authenticated(self, request: Request) -> Answer:
        answer = await self._patient(request)
        if answer.status == 401:
            await self.reload()
            answer = await self._patient(request)
        return answer

    async def _patient(self, request: Request) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        while True:
            answer = await self._counted(request)
            wait = _retry_after(answer)
            if answer.status != 429 or wait is None or loop.time() + wait > deadline:
                return answer
            await asyncio.sleep(wait)

    async def _counted(self, request: Request) -> Answer:
        code = _UNANSWERED
        try:
            answer = await self._in_thread(self._transport.send, request)
            code = str(answer.status)
            return answer
        finally:
            if self._on_request is not None:
                self._on_request(request.method, code)

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = functools.partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


def _is_outage(code: int) -> bool:
    return code >= 500 or code in (401, 408, 429)


def _retry_after(answer: Answer) -> float | None:
    value = next((v for k, v in answer.headers.items() if k.lower() == "retry-after"), "")
    return float(value) if value.isdecimal() else None


def _error(request: Request, answer: Answer) -> ApiError:
    said = answer.body.get("message") or "no message"
    message = f"the Kubernetes API answered {answer.status} to {request.method} {request.path}: {said}"
    match answer.status:
        case 404:
            return NotFoundError(404, message, retryable=True)
        case 409:
            return ConflictError(409, message, retryable=True)
        case 422:
            return InvalidError(422, message, retryable=False)
        case 403:
            return ApiError(
                403, f"{message}; grant the operator's service account what it needs", retryable=True
            )
        case code:
            return ApiError(code, message, retryable=_is_outage(code), retry_after=_retry_after(answer))
