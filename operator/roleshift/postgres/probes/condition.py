"""The condition of the server: which of its probes are asked when, and what they come to together."""

from dataclasses import replace
from typing import Any

from roleshift.engine.facts.condition import ConditionFacts
from roleshift.engine.facts.storage import StorageFacts
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes.batch import Answers, Probe
from roleshift.postgres.probes.connections import connections_probe, pooler_beside
from roleshift.postgres.probes.replication import REPLICATION
from roleshift.postgres.probes.resources import CACHE, FILE_RIGHTS, HOST, IO_PRESSURE
from roleshift.postgres.probes.storage import storage_probe
from roleshift.postgres.session import Backend

_FILES: tuple[Probe[Any], ...] = (HOST, IO_PRESSURE)


class Condition:
    """Probes that need no target, and then those that need it or the first ones' answers."""

    def __init__(self, opened_on: Backend) -> None:
        """Takes the server process that the session began on."""
        self._connections = connections_probe(opened_on)
        self.probes: tuple[Probe[Any], ...] = (self._connections, REPLICATION, CACHE, FILE_RIGHTS)

    def facts(self, first: Answers) -> ConditionFacts:
        """What can be told where there is no target."""
        return ConditionFacts(
            connections=first.of(self._connections),
            replication=first.of(REPLICATION),
            cache=first.of(CACHE),
        )

    def on_target(self, target: TargetFacts, first: Answers) -> "ConditionOnTarget":
        """The probes that follow once the target is found."""
        may_read = first.of(FILE_RIGHTS) is True
        return ConditionOnTarget(self.facts(first), storage_probe(target), _FILES if may_read else ())


class ConditionOnTarget:
    """The second part: storage, and the server's files where the role may read them."""

    def __init__(
        self, so_far: ConditionFacts, storage: Probe[StorageFacts], files: tuple[Probe[Any], ...]
    ) -> None:
        self._so_far = so_far
        self._storage = storage
        self._files = files
        self.probes: tuple[Probe[Any], ...] = (storage, *files)

    def facts(self, second: Answers) -> ConditionFacts:
        """Everything."""
        return replace(
            self._so_far,
            storage=second.of(self._storage),
            host=second.of(HOST) if self._files else None,
            io_pressure=second.of(IO_PRESSURE) if self._files else None,
        )


def beside(facts: ConditionFacts, looking: Backend, other: Backend) -> ConditionFacts:
    """The facts with what the processes of two open sessions tell together."""
    return replace(facts, connections=pooler_beside(facts.connections, looking, other))
