"""Images of earlier runs with the same mapping: rows that they moved are not moved a second time.

It matters only where a new role is an old one too, as in a chain: elsewhere a moved row shows by its role.
"""

from collections.abc import Collection
from typing import Any

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes.batch import Rows, ask_one, sql_probe
from roleshift.postgres.probes.wanted import Wanted, oid_of
from roleshift.postgres.session import Session

_SECONDS = 10.0


async def earlier_images(
    session: Session, wanted: Wanted, target: TargetFacts, key: Collection[str]
) -> tuple[str, ...] | ProbeFailure:
    """Names of the images, oldest first.

    Args:
        key: columns that identify a row; an image with other ones says nothing of it.
    """
    if not wanted.overlaps or not key:
        return ()
    found = await ask_one(session, sql_probe("earlier_runs", _rows, oid_of(target)), _SECONDS)
    if isinstance(found, ProbeFailure):
        return found
    routes = {(m.from_role, m.to_role, m.seniority) for m in wanted.mappings}
    return tuple(row["name"] for row in found if _is_of(row, routes, set(key)))


def _rows(rows: Rows) -> Rows:
    return rows


def _is_of(row: dict[str, Any], routes: set[tuple[str, str, str | None]], key: set[str]) -> bool:
    """Whether a run did nothing but what this mapping does too."""
    cells = {(cell["from_role"], cell["to_role"], cell["seniority"]) for cell in row["cells"] or ()}
    return bool(cells) and cells <= routes and {column["name"] for column in row["key"]} == key
