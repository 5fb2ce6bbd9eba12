"""Looks at what is outside the database, for the checks."""

from roleshift.api import RoleMigration
from roleshift.controller.ports import Ports
from roleshift.engine.facts.surroundings import Surroundings


async def surroundings_of(ports: Ports, _: RoleMigration) -> Surroundings:
    """What the checks of a migration need from outside its database."""
    return Surroundings(now=ports.now())
