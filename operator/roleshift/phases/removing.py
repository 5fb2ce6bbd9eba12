"""Removes backups of runs that have ended: images and archives; their entries stay in the catalogue."""

from collections.abc import Awaitable, Callable

from roleshift.api import BackupMethod
from roleshift.engine.retention import Removal
from roleshift.postgres import retention
from roleshift.postgres.retention import Entry
from roleshift.postgres.session import Session, Timeouts

_TIMEOUTS = Timeouts(lock_seconds=5.0, statement_seconds=60.0)

RemoveArchive = Callable[[Entry], Awaitable[None]]


async def remove(session: Session, entry: Entry, removal: Removal, remove_archive: RemoveArchive) -> bool:
    """Remove a backup and note it; False where it has to stay, or is gone already.

    Args:
        remove_archive: takes an archive out of its store; once more does no harm.

    Raises:
        DatabaseError: somebody reads the image, or it belongs to another role.
        RoleshiftError: the store of an archive could not be asked.
    """
    if entry.method is BackupMethod.ARCHIVE and await _may_go(session, entry, removal):
        await remove_archive(entry)
    async with session.transaction(_TIMEOUTS):
        if not await retention.may_go(session, entry, removal):
            return False
        if entry.method is BackupMethod.TABLE:
            await retention.drop_image(session, entry)
        await retention.note_removal(session, entry, removal)
    return True


async def _may_go(session: Session, entry: Entry, removal: Removal) -> bool:
    """Asked in a transaction of its own: none is kept open while a store is slow."""
    async with session.transaction(_TIMEOUTS):
        return await retention.may_go(session, entry, removal)
