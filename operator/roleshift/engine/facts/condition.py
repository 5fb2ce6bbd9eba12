"""The condition of the server: connections, storage, replication and resources."""

from dataclasses import dataclass

from roleshift.engine.facts.connections import ConnectionFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.replication import ReplicationFacts
from roleshift.engine.facts.resources import CacheFacts, HostFacts, IOPressure
from roleshift.engine.facts.storage import StorageFacts
from roleshift.errors import Reason

_NOT_ASKED = ProbeFailure(Reason.CHECKS_FAILED, "the table was not found")


@dataclass(frozen=True, slots=True)
class ConditionFacts:
    """What is known of the server apart from the table's content.

    Attributes:
        host, io_pressure: None where the run's role may not read the server's files, or there are none.
    """

    connections: ConnectionFacts | ProbeFailure = _NOT_ASKED
    storage: StorageFacts | ProbeFailure = _NOT_ASKED
    replication: ReplicationFacts | ProbeFailure = _NOT_ASKED
    cache: CacheFacts | ProbeFailure = _NOT_ASKED
    host: HostFacts | ProbeFailure | None = None
    io_pressure: IOPressure | ProbeFailure | None = None


NO_CONDITION = ConditionFacts()
"""Stands where nothing was looked at."""
