"""The report of a run as it is kept in the cluster: with every conflict, and of bounded size. Pure.

It is for people who have a kubeconfig and no way to the database.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from roleshift.api import Phase
from roleshift.engine.run import RunRecord

MOST_BYTES = 900_000
"""Of the text; an object of Kubernetes has at most 1 MiB."""
_LOG = "roleshift.migration_rollback_log"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row that somebody had changed, as the log of rollbacks has it.

    Attributes:
        kind: Conflict where it was left, Overwritten where the old role came back all the same.
        key: values of the key columns.
        found: what the row held; None where it was gone.
        message: what became of it.
    """

    kind: str
    key: Any
    found: Any
    message: str


@dataclass(frozen=True, slots=True)
class Conflicts:
    """Conflicts of a rollback, and how many more there are that were not read."""

    rows: tuple[Conflict, ...] = ()
    left_out: int = 0


def report_due(run: RunRecord, object_uid: str) -> str:
    """Which report has to be written of a run; "" where none is due, or it was written.

    One is due when a run has ended that did something, and again when a rollback of it has.
    """
    told = run.phase in (Phase.DONE, Phase.ROLLED_BACK) or run.write is not None
    if run.completed_at is None or not told:
        return ""
    due = f"{object_uid} {run.phase} {run.completed_at.isoformat()}"
    return "" if due == run.reported else due


def kept_report(
    document: Mapping[str, Any], run_id: str, conflicts: Conflicts, most_bytes: int = MOST_BYTES
) -> str:
    """The report as JSON text that fits into so many bytes: conflicts that do not are counted."""
    fitting = list(_fitting(conflicts.rows, most_bytes - _bytes(_whole(document, run_id, [], 2**63))))
    left_out = conflicts.left_out + len(conflicts.rows) - len(fitting)
    return _text(_whole(document, run_id, fitting, left_out))


def _whole(
    document: Mapping[str, Any], run_id: str, rows: list[dict[str, Any]], left_out: int
) -> dict[str, Any]:
    where = f"{_LOG} of the database, run_id {run_id}" if left_out else ""
    return {**document, "conflicts": {"rows": rows, "leftOut": left_out, "restIsIn": where}}


def _fitting(rows: tuple[Conflict, ...], room: int) -> Iterator[dict[str, Any]]:
    for row in rows:
        shown = {"kind": row.kind, "key": row.key, "found": row.found, "message": row.message}
        room -= _bytes(shown) + len(",")
        if room < 0:
            return
        yield shown


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _bytes(value: Mapping[str, Any]) -> int:
    return len(_text(value).encode())
