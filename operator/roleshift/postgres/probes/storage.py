"""Sizes and tablespaces of the target, and what stands against any write."""

from roleshift.engine.facts.storage import StorageFacts
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes.batch import Probe, Rows, sql_probe
from roleshift.postgres.probes.wanted import oid_of


def storage_probe(target: TargetFacts) -> Probe[StorageFacts]:
    """Where the target is kept."""
    return sql_probe("storage", _read, oid_of(target))


def _read(rows: Rows) -> StorageFacts:
    (row,) = rows
    return StorageFacts(**{**row, "tablespaces": tuple(row["tablespaces"] or ())})
