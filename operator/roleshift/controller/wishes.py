"""What people ask of one object, read so that nothing is missed that a tool puts back at once."""

from collections.abc import Mapping
from typing import Any

from roleshift.api import RoleMigration, parse_migration
from roleshift.controller.ports import Inbox
from roleshift.engine.requests import Requests, requests_of, with_earlier
from roleshift.errors import SpecError


class Wishes:
    """Reads the object, and remembers what was asked until somebody has acted on it or refused it."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._asked: Requests | None = None

    def look(self) -> tuple[RoleMigration, Requests]:
        """The newest state of the object, and what was asked of it since `settle`.

        Raises:
            SpecError: it can't be read.
        """
        for body in self._inbox.overtaken():
            self._hear(body)
        migration = parse_migration(self._inbox.latest)
        self._asked = with_earlier(requests_of(migration), self._asked)
        return migration, self._asked

    def settle(self) -> None:
        """What was asked is in the ledger by now, or was refused."""
        self._asked = None

    def _hear(self, body: Mapping[str, Any]) -> None:
        try:
            migration = parse_migration(body)
        except SpecError:
            return  # It was replaced before anybody could have acted on it; the newest is judged by itself.
        self._asked = with_earlier(requests_of(migration), self._asked)
