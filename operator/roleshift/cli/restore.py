"""`roleshift restore`: the old roles of a run come back without a cluster, if need be without a ledger.

Everything that it needs is in the backup itself: the comment on the image, or the manifest of the archive.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from roleshift.api import Phase, RoleMigrationSpec
from roleshift.archive import description
from roleshift.archive.description import Description
from roleshift.archive.discovery import FoundArchive, found_archives
from roleshift.archive.store import StoreAddress, of_environment
from roleshift.cli.database import database_parameters
from roleshift.cli.exit_codes import CommandError
from roleshift.cli.offline_run import OfflineRun
from roleshift.engine.connection import ConnectionParameters
from roleshift.phases import rolling_back
from roleshift.phases.adopting import adopt
from roleshift.phases.archiving import entry_of
from roleshift.postgres import image_comment, ledger, ledger_schema, neighbours
from roleshift.postgres.connect import Purpose, session
from roleshift.postgres.probes.server import server_facts
from roleshift.postgres.session import Session

_MOVED = (
    "the run was made in another database: where this is the restored or copied one that holds its table "
    "now, say so with --any-database"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be restored.

    Attributes:
        run: its id.
        store: where archives lie, "" for none; the environment has its credentials.
        any_database: the run may have been made in another database.
    """

    run: str
    store: str = ""
    any_database: bool = False


def restore(wish: Wish, uri_file: Path | None) -> str:
    """Restore, and say what came of it.

    Raises:
        CommandError: there is no such backup, or the run is not one that can be restored now.
        RoleshiftError: the restore failed; what it did is rolled back.
    """
    return asyncio.run(_restored(wish, database_parameters(uri_file)))


async def _restored(wish: Wish, parameters: ConnectionParameters) -> str:
    async with AsyncExitStack() as opened:
        control = await opened.enter_async_context(session(parameters, Purpose("", "", wish.run, "public")))
        archive = await _archive_of(wish)
        found = await _described(control, wish.run, archive)
        spec = RoleMigrationSpec.model_validate(found.spec)
        await ledger_schema.ensure(control)
        await _known(control, wish, found, archive, spec)
        purpose = Purpose(found.owner.namespace, found.owner.name, wish.run, spec.target.schema_name)
        work = await opened.enter_async_context(session(parameters, purpose))
        return await _brought_back(wish, found, spec, control, work)


async def _archive_of(wish: Wish) -> FoundArchive | None:
    if not wish.store:
        return None
    address = of_environment(wish.store)
    async for found in found_archives(address):
        if found.run_id == wish.run:
            return found
    raise CommandError(f"{wish.store} has no archive of run {wish.run}; see roleshift backups --store")


async def _described(control: Session, run: str, archive: FoundArchive | None) -> Description:
    """What the image says of itself, else the archive; an image's word is as new as the write.

    Raises:
        DatabaseError: BackupDamaged; the image's comment was altered.
    """
    for kept in await image_comment.commented_images(control):
        if run in kept.comment.partition("\n")[0]:
            return description.opened(kept.comment, f"roleshift.{kept.name}")
    if archive is None:
        raise CommandError(
            f"no image in this database says that it is the backup of run {run}; name the store of its "
            "archive with --store URL, or see roleshift backups"
        )
    if archive.manifest is None:
        raise CommandError(archive.damage)
    found = archive.manifest.description
    if found is None:
        raise CommandError(
            f"{archive.url} was made by version {archive.manifest.made_by}, which left out the spec: apply "
            "the manifest of the RoleMigration with spec.desiredState: RolledBack"
        )
    return found


async def _known(
    control: Session, wish: Wish, found: Description, archive: FoundArchive | None, spec: RoleMigrationSpec
) -> None:
    """See to it that the ledger knows the run."""
    here = (await server_facts(control)).database_identity
    if here != found.owner.database_identity and not wish.any_database:
        raise CommandError(_MOVED)
    if await ledger.knows(control, wish.run):
        return
    entry = entry_of(archive.manifest, archive.url) if archive and archive.manifest else None
    await adopt(control, found, here, entry, spec.backup.retention_seconds)


async def _brought_back(
    wish: Wish, found: Description, spec: RoleMigrationSpec, control: Session, work: Session
) -> str:
    await _must_be_restorable(control, wish, found)
    run = await OfflineRun.take(spec, found.owner.identity, control, work)
    run.store = partial(_address, wish.store) if wish.store else None
    if run.run.phase is not Phase.ROLLING_BACK:
        await run.ask_for_rollback("asked for on the command line")
    return await run.perform(rolling_back.run)


async def _must_be_restorable(control: Session, wish: Wish, found: Description) -> None:
    run = await ledger.find(control, found.owner.identity)
    if run is None or run.run_id != wish.run:
        raise CommandError(f"a later attempt of {found.owner.namespace}/{found.owner.name} is in the ledger")
    if run.phase not in (Phase.DONE, Phase.ROLLING_BACK):
        raise CommandError(
            f"run {wish.run} is in phase {run.phase}: only one that is Done, or whose restore was "
            "interrupted, can be restored"
        )
    newer = await neighbours.newer(control, run)
    if newer is not None:
        raise CommandError(f"{newer} (run {newer.run_id}) wrote to the table since: restore that one first")


async def _address(url: str) -> StoreAddress:
    return of_environment(url)
