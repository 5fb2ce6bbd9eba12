"""A few lines of HTTP for talking to the local API server as its administrator.

For the harness and for tests that look at the server from outside the program. The program has
its own client in cluster/, which this must not use.
"""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from localenv.kubeconfig import Endpoint

_SECONDS = 30.0


class ApiError(Exception):
    """The API server said no."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Api:
    """Requests with a token to one API server."""

    def __init__(self, endpoint: Endpoint, token: str) -> None:
        self._server = endpoint.server
        self._token = token
        https = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=endpoint.authority))
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)

    def text(self, path: str) -> str:
        """The body of GET `path`.

        Raises:
            ApiError: the server answered with an error.
            OSError: the server did not answer.
        """
        return self._send("GET", path, None, "application/json")

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """Send `body` as JSON and return the answer's object; raises as `text` does."""
        answer: dict[str, Any] = json.loads(self._send(method, path, body, content_type))
        return answer

    def _send(self, method: str, path: str, body: Any, content_type: str) -> str:
        request = urllib.request.Request(  # noqa: S310 - always https to loopback
            self._server + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": content_type},
        )
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(error.code, _message(error.read())) from None


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")
