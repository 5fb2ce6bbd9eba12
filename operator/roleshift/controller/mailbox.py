"""What a worker learns of its object: the newest body, that there is a newer one, and what it missed.

One for each object, filled by the dispatcher and read by one worker, both in
the engine's loop. Bodies are kept packed: with thousands of finished
migrations they would be most of the memory.
"""

import asyncio
import json
import zlib
from collections import deque
from collections.abc import Mapping
from typing import Any

from roleshift.engine.identity import ObjectKey
from roleshift.engine.requests import put_back_by_tools

MOST_OVERTAKEN = 16


class Mailbox:
    """Holds the newest body of one incarnation of an object.

    Attributes:
        key: namespace and name.
        uid: which object of that name; another one gets another mailbox.
        slots: how many workers may work at the same time; to be held while working, never while waiting.
    """

    def __init__(self, key: ObjectKey, body: Mapping[str, Any], slots: asyncio.Semaphore) -> None:
        self.key = key
        self.uid = str(body["metadata"]["uid"])
        self.slots = slots
        self._packed = b""
        self._asks: tuple[Any, ...] = ()
        self._heard = True
        self._overtaken: deque[bytes] = deque(maxlen=MOST_OVERTAKEN)
        self._said: tuple[Any, ...] = ()
        self._deleted = False
        self._news = asyncio.Event()
        self.post(body)

    @property
    def latest(self) -> dict[str, Any]:
        """The newest body; reading it is what makes `wait_change` wait again. Nobody else holds this dict."""
        self.acknowledge()
        return _unpacked(self._packed)

    def overtaken(self) -> list[dict[str, Any]]:
        """Bodies that asked for something and were replaced before this was called, oldest first.

        A tool that heals drift may put a field back before the worker has looked. Each is told once; the
        newest body counts as heard from now on, and the oldest are dropped beyond 16.
        """
        bodies = [_unpacked(packed) for packed in self._overtaken]
        self._overtaken.clear()
        self._heard = True
        return bodies

    @property
    def deleted(self) -> bool:
        """Whether the object is gone, or replaced by another of the same name: bring the work to its end."""
        return self._deleted

    @property
    def unread(self) -> bool:
        """Whether something was said that no worker has looked at."""
        return self._news.is_set()

    async def wait_change(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - a result, no failure
        """Waits until there is something that `latest` or `deleted` would newly tell.

        A change of status alone, such as the worker's own writes, is kept but wakes nobody.

        Args:
            timeout: seconds; None waits for ever.

        Returns:
            False when the time is over.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._news.wait()
        except TimeoutError:
            return False

    def acknowledge(self) -> None:
        """Makes `wait_change` wait for the next change, as reading `latest` does."""
        self._news.clear()

    def post(self, body: Mapping[str, Any]) -> None:
        """For the dispatcher: a newer body."""
        asks = put_back_by_tools(body)
        if not self._heard and asks != self._asks:
            self._overtaken.append(self._packed)
        self._asks, self._heard = asks, self._heard and asks == self._asks
        self._packed = zlib.compress(json.dumps(body, separators=(",", ":")).encode(), level=1)
        said = _what_people_said(body)
        if said != self._said:
            self._said = said
            self._news.set()

    def close(self) -> None:
        """For the dispatcher: the object is gone."""
        self._deleted = True
        self._news.set()

    def remind(self) -> None:
        """For the dispatcher: whoever works next looks at everything anew.

        What was overtaken is dropped: another operator may have acted on it.
        """
        self._overtaken.clear()
        self._news.set()


def _unpacked(packed: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(zlib.decompress(packed))
    return body


def _what_people_said(body: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a change of which is for the worker: the spec's generation, a deletion, annotations."""
    metadata = body["metadata"]
    annotations = metadata.get("annotations") or {}
    return metadata.get("generation"), metadata.get("deletionTimestamp"), tuple(sorted(annotations.items()))
