"""What `roleshift backups` prints: the backups of runs, as their objects or as a store has them."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from roleshift.api import BackupStatus, Phase
from roleshift.archive.discovery import FoundArchive, found_archives
from roleshift.archive.store import StoreAddress, of_environment
from roleshift.cli.formats import count, printable, size
from roleshift.cli.listing import aligned
from roleshift.cli.options import BackupsForm, Where
from roleshift.cli.session import Session, connected
from roleshift.cli.subject import Subject, subject_of

_OF_OBJECTS = ("namespace", "name", "phase", "methods", "rows", "bytes", "completionTime", "expiresTime")
_OF_STORE = ("namespace", "name", "runID", "rows", "bytes", "made", "state")
_WIDE = ("image", "checksum", "url")
_HEADINGS = {"completionTime": "MADE", "expiresTime": "EXPIRES", "runID": "RUN", "bytes": "SIZE"}

_Entry = Mapping[str, Any]


def print_backups(where: Where, form: BackupsForm | None, *, everywhere: bool) -> None:
    """The backups that the statuses of objects tell of; none is a line on stderr and no error."""
    with connected(where) as session:
        found = asyncio.run(_of_objects(session, None if everywhere else session.namespace))
    _print(found, _OF_OBJECTS if everywhere else _OF_OBJECTS[1:], form)


def print_store(url: str, form: BackupsForm | None) -> None:
    """The archives that lie in a store; the environment has its credentials."""
    address = of_environment(url)
    _print(asyncio.run(_of_store(address)), _OF_STORE, form)


async def _of_objects(session: Session, namespace: str | None) -> list[_Entry]:
    subjects = [subject_of(body) for body in await session.list(namespace)]
    return [_of_object(one, one.status.backup) for one in subjects if one.status.backup is not None]


def _of_object(subject: Subject, backup: BackupStatus) -> _Entry:
    shown = backup.dump()
    written = subject.status.phase not in (Phase.PENDING, Phase.CHECKING)
    return {
        "namespace": subject.namespace,
        "name": subject.name,
        "phase": str(subject.status.phase) if written else "",
        "image": shown.pop("name", ""),
        **shown,
    }


async def _of_store(address: StoreAddress) -> list[_Entry]:
    return [_of_archive(found) async for found in found_archives(address)]


def _of_archive(found: FoundArchive) -> _Entry:
    named = {"namespace": found.namespace, "name": found.name, "runID": found.run_id, "url": found.url}
    if found.manifest is None:
        return {**named, "state": found.damage}
    image = found.manifest.final_image
    return {
        **named,
        "rows": image.rows,
        "bytes": found.manifest.size,
        "made": image.created_at.isoformat(timespec="seconds"),
        "state": "complete" if found.manifest.write else "as before the write",
        "image": image.name,
        "checksum": image.checksum,
    }


def _print(entries: Sequence[_Entry], columns: tuple[str, ...], form: BackupsForm | None) -> None:
    if form is BackupsForm.JSON:
        print(json.dumps(list(entries), indent=2, ensure_ascii=False))
    elif not entries:
        print("No backups found.", file=sys.stderr)
    else:
        shown = columns if form is None else (*columns, *(c for c in _WIDE if any(c in e for e in entries)))
        headings = [_HEADINGS.get(name, name.upper()) for name in shown]
        print(aligned([headings, *([_cell(entry, name) for name in shown] for entry in entries)]))


def _cell(entry: _Entry, name: str) -> str:
    value = entry.get(name)
    if value is None:
        return ""
    if name == "bytes":
        return size(value)
    if name == "rows":
        return count(value)
    return printable(", ".join(value) if isinstance(value, list) else str(value))
