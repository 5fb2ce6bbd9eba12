"""Standbys and replication slots."""

from roleshift.engine.facts.replication import ReplicationFacts, Slot, Standby
from roleshift.postgres.probes.batch import Rows, sql_probe


def _read(rows: Rows) -> ReplicationFacts:
    (row,) = rows
    return ReplicationFacts(
        **{
            **row,
            "standbys": tuple(Standby(**standby) for standby in row["standbys"] or ()),
            "slots": tuple(Slot(**slot) for slot in row["slots"] or ()),
        }
    )


REPLICATION = sql_probe("replication", _read)
