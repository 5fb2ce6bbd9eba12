"""Which objects exist, as far as the watch has told: pure bookkeeping for what kopf leaves open.

kopf keeps the events of one UID in order, not those of a deleted object and
of its successor of the same name, and after a list that follows a 410 it tells
nothing of objects that went away meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from roleshift.engine.identity import ObjectKey


class EventKind(StrEnum):
    """What happened to an object."""

    ADDED_OR_MODIFIED = "AddedOrModified"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One object as it was seen; after a deletion the body may hold no more than its metadata."""

    kind: EventKind
    body: Mapping[str, Any]

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        metadata = self.body["metadata"]
        return ObjectKey(metadata["namespace"], metadata["name"])

    @property
    def uid(self) -> str:
        """Which object of that name."""
        return str(self.body["metadata"]["uid"])


@dataclass(frozen=True, slots=True)
class _Known:
    uid: str
    created: str
    version: str

    def older_than(self, other: "_Known") -> bool:
        """Whether the other object was created later; resource versions decide within one second."""
        if self.created != other.created:
            return self.created < other.created
        return _number(self.version) < _number(other.version)


class Inventory:
    """Remembers one UID for each name, and tells which events are news."""

    def __init__(self) -> None:
        self._known: dict[ObjectKey, _Known] = {}

    def accept(self, event: WatchEvent) -> bool:
        """Takes note of an event; False when it says nothing new or is about an object that was replaced."""
        key, seen = event.key, _seen(event)
        known = self._known.get(key)
        if event.kind is EventKind.DELETED:
            return self._remove(key, seen.uid)
        if known is not None and known.uid != seen.uid and seen.older_than(known):
            return False
        self._known[key] = seen
        return known is None or (known.uid, known.version) != (seen.uid, seen.version)

    def incarnations(self) -> dict[ObjectKey, str]:
        """The UID of each object that is known."""
        return {key: known.uid for key, known in self._known.items()}

    def unseen(self, listed: Mapping[ObjectKey, str]) -> frozenset[ObjectKey]:
        """Objects that exist and of which the watch has told nothing."""
        return frozenset(key for key, uid in listed.items() if not self._knows(key, uid))

    def _knows(self, key: ObjectKey, uid: str) -> bool:
        known = self._known.get(key)
        return known is not None and known.uid == uid

    def _remove(self, key: ObjectKey, uid: str) -> bool:
        if not self._knows(key, uid):
            return False
        del self._known[key]
        return True


def vanished(before: Mapping[ObjectKey, str], listed: Mapping[ObjectKey, str]) -> tuple[WatchEvent, ...]:
    """A deletion for each object that was known before a list was asked for and is not in it.

    Args:
        before: what was known when the list was asked for; what came later may rightly be missing.
        listed: UIDs by name as the API server has them.
    """
    return tuple(_deleted(key, uid) for key, uid in before.items() if listed.get(key) != uid)


def _deleted(key: ObjectKey, uid: str) -> WatchEvent:
    metadata = {"namespace": key.namespace, "name": key.name, "uid": uid}
    return WatchEvent(EventKind.DELETED, {"metadata": metadata})


def _seen(event: WatchEvent) -> _Known:
    metadata = event.body["metadata"]
    return _Known(event.uid, metadata.get("creationTimestamp", ""), metadata.get("resourceVersion", ""))


def _number(version: str) -> int:
    return int(version) if version.isdecimal() else 0
