"""Looks at what is outside the database, for the checks."""

import asyncio
import uuid

from roleshift.api import RoleMigration
from roleshift.archive.folder import RunFolder
from roleshift.archive.store import StoreAddress
from roleshift.controller.credentials import Remembered
from roleshift.controller.ports import Ports
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.resources import PodFacts
from roleshift.engine.facts.surroundings import ArchiveTried, Surroundings
from roleshift.errors import ClusterError, Reason, RoleshiftError

_ARCHIVE_SECONDS = 20.0
StoreReader = Remembered[StoreAddress]


async def surroundings_of(ports: Ports, store: StoreReader, migration: RoleMigration) -> Surroundings:
    """What the checks of a migration need from outside its database."""
    pods, archive = await asyncio.gather(_pods(ports, migration), _archive(store, migration))
    return Surroundings(now=ports.now(), pods=pods, archive=archive)


async def _pods(ports: Ports, migration: RoleMigration) -> PodFacts | ProbeFailure | None:
    """The pods that the manifest names; why they can't be seen is a fact like any other."""
    selector = migration.spec.connection.pod_selector
    if selector is None:
        return None
    try:
        return await ports.pods.read(migration.metadata.namespace, selector.match_labels)
    except ClusterError as error:
        return ProbeFailure(error.reason, error.message)


async def _archive(store: StoreReader, migration: RoleMigration) -> ArchiveTried | ProbeFailure | None:
    """Put an object into the store, read it and remove it again, in a folder that no run has."""
    wanted = migration.spec.backup.archive
    if wanted is None:
        return None
    meta = migration.metadata
    try:
        async with asyncio.timeout(_ARCHIVE_SECONDS):
            address = await store.read(migration)
            folder = RunFolder(address, meta.namespace, meta.name, f"probe-{uuid.uuid4()}")
            await folder.try_out("probe")
    except RoleshiftError as error:
        return ProbeFailure(error.reason, error.message)
    except TimeoutError:
        return ProbeFailure(
            Reason.STORE_UNREACHABLE, f"{wanted.url} did not answer within {_ARCHIVE_SECONDS:.0f} s"
        )
    return ArchiveTried(wanted.url)
