"""Removes the backups of an object that is deleted, where spec.deletionPolicy says so."""

from roleshift.api import BackupMethod, DeletionPolicy, RoleMigration
from roleshift.archive.folder import RunFolder
from roleshift.controller.closing import TIMEOUTS
from roleshift.controller.desk import Desk
from roleshift.engine.identity import RunIdentity
from roleshift.postgres import catalogue
from roleshift.postgres.session import Session

_DELETED = "its RoleMigration was deleted with deletionPolicy DeleteBackups"


async def remove_backups(
    desk: Desk, control: Session, identity: RunIdentity, migration: RoleMigration
) -> None:
    """Remove archives and images of every ended run of the object; once more does no harm.

    Raises:
        StoreError: the store can't be used; what was removed until then is noted.
        DatabaseError: an image could not be dropped.
    """
    if migration.spec.deletion_policy is not DeletionPolicy.DELETE_BACKUPS:
        return
    for backup in await catalogue.kept_backups(control, identity):
        if backup.method is BackupMethod.ARCHIVE:
            address = await desk.store.read(migration)
            await RunFolder(address, identity.namespace, identity.name, backup.run_id).remove()
        async with control.transaction(TIMEOUTS):
            await catalogue.note_removal(control, backup, _DELETED)
