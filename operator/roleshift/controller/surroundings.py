"""Looks at what is outside the database, for the checks."""

from roleshift.api import RoleMigration
from roleshift.controller.ports import Ports
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.resources import PodFacts
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.errors import ClusterError


async def surroundings_of(ports: Ports, migration: RoleMigration) -> Surroundings:
    """What the checks of a migration need from outside its database."""
    pods = await _pods(ports, migration)
    return Surroundings(now=ports.now(), pods=pods)


async def _pods(ports: Ports, migration: RoleMigration) -> PodFacts | ProbeFailure | None:
    """The pods that the manifest names; why they can't be seen is a fact like any other."""
    selector = migration.spec.connection.pod_selector
    if selector is None:
        return None
    try:
        return await ports.pods.read(migration.metadata.namespace, selector.match_labels)
    except ClusterError as error:
        return ProbeFailure(error.reason, error.message)
