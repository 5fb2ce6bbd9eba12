"""The archive of an image: put once that is made, completed after the write, restored from when it is gone.

Nothing here decides what a store's failure means for a run: errors say whether trying again can help.
"""

import zlib
from collections.abc import AsyncIterator

from roleshift import __version__
from roleshift.api import BackupMethod
from roleshift.archive.folder import RunFolder
from roleshift.archive.manifest import ArchivedColumn, ArchivedObject, Delta, Manifest, damaged
from roleshift.engine.naming import added_name, broken_name, removed_name
from roleshift.engine.run import ArchiveRecord, Image
from roleshift.errors import DatabaseError, Reason, StoreError
from roleshift.phases.context import Context
from roleshift.phases.describing import described_image, described_spec, described_write, owner_of
from roleshift.postgres import catalogue, fence, image, image_copy
from roleshift.postgres.catalogue import ArchiveEntry
from roleshift.postgres.comparison import XID_BITS
from roleshift.postgres.image_copy import CopiedColumn
from roleshift.postgres.run_rows import PLAN


def is_wanted(context: Context) -> bool:
    """Whether the manifest asks for an archive, and this is no rehearsal."""
    return BackupMethod.ARCHIVE in context.spec.backup.methods and context.store is not None


async def archive(context: Context, kept: Image) -> None:
    """Put every row of the image into the store, and the manifest at last; each is read back and compared.

    Raises:
        StoreError: the store can't be used, or gave back something else.
        DatabaseError: BackupNotVerified; other rows were archived than the image has.
    """
    folder = await _folder(context)
    await folder.must_be_ours()
    await _record(context, folder, await _put_image(context, folder, kept), kept)


async def append_delta(context: Context) -> None:
    """Complete the archive with what the write has changed in the image; once is enough.

    Where the manifest in the store is damaged, the image, which was just verified, is archived anew.

    Raises:
        StoreError: the store can't be used, or gave back something else.
    """
    kept, record, write = context.run.image, context.run.archive, context.run.write
    if context.store is None or record is None or record.covers_write or kept is None or write is None:
        return
    folder = await _folder(context)
    try:
        found = await folder.manifest(record.manifest_sha256)
    except StoreError as error:
        if error.reason is not Reason.BACKUP_DAMAGED:
            raise
        await _record(context, folder, await _put_image(context, folder, kept), kept)
        return
    added = [one async for one in _put_parts(context, folder, "added", kept.name, write.xid & XID_BITS)]
    gone = removed_name(kept.name)
    noted = await image_copy.has_removed(context.work, kept.name)
    removed = [one async for one in _put_parts(context, folder, "removed", gone)] if noted else []
    delta = Delta(
        replaces=image.is_made_anew(context.plan.shape),
        added=tuple(added),
        removed=tuple(removed),
        image=described_image(kept),
    )
    await _record(
        context,
        folder,
        found.model_copy(update={"delta": delta, "write": described_write(context.run.write)}),
        kept,
    )


async def _put_image(context: Context, folder: RunFolder, kept: Image) -> Manifest:
    """Put every row of the image as it is now; the manifest for them."""
    objects = [one async for one in _put_parts(context, folder, "image", kept.name)]
    rows = sum(one.rows for one in objects)
    if rows != kept.rows:
        raise DatabaseError(
            Reason.BACKUP_NOT_VERIFIED, f"{rows} of {kept.rows} rows of roleshift.{kept.name} were archived"
        )
    columns = await image_copy.copied_columns(context.work, kept.name)
    return _manifest(context, kept, columns, tuple(objects))


async def recover(context: Context) -> None:
    """Make the image anew from the archive, where it is gone or altered; an altered one is kept aside.

    Raises:
        StoreError: the store can't be used, or BackupDamaged: the archive can't be trusted either.
        DatabaseError: BackupDamaged; what was loaded is not what the ledger knows.
    """
    kept, record = context.run.image, context.run.archive
    if kept is None or record is None or record.removed_at is not None:
        raise StoreError(Reason.BACKUP_DAMAGED, "and there is no archive of it")
    _must_be_complete(context, record)
    folder = await _folder(context)
    found = await folder.manifest(record.manifest_sha256)
    async with context.work.transaction(context.timeouts):
        await fence.check_epoch(context.work, context.run)
        await image_copy.drop(context.work, broken_name(kept.name))
        await image_copy.set_aside(context.work, kept.name, broken_name(kept.name))
        await _load(context, folder, found, kept.name)
        await image.finish(context.work, kept.name)
        loaded = await image.figures(context.work, context.moving, kept.name)
        if (loaded.rows, loaded.checksum) != (kept.rows, kept.checksum):
            raise damaged(folder.url, f"it gives {loaded.rows} rows, checksum {loaded.checksum}")


async def remove(context: Context) -> None:
    """Remove the archive of a run that wrote nothing; its entry goes with the image's.

    Raises:
        StoreError: the store can't be used.
    """
    folder = await _folder(context)
    await folder.remove()


def entry_of(found: Manifest, url: str, manifest_sha256: str = "") -> ArchiveEntry:
    """What the ledger has of an archive.

    Args:
        manifest_sha256: the sealed manifest's; "" takes whichever lies in the store.
    """
    return ArchiveEntry(
        url=url,
        rows=found.final_image.rows,
        bytes=found.size,
        checksum=found.final_image.checksum,
        manifest_sha256=manifest_sha256,
        covers_write=found.write is not None,
    )


def _must_be_complete(context: Context, record: ArchiveRecord) -> None:
    if context.run.write is not None and not record.covers_write:
        raise damaged(
            record.url,
            "the store failed before the changes of the write were added to it, so it may hold what is older "
            "than what the application wrote last",
        )


async def _folder(context: Context) -> RunFolder:
    key = context.run.identity
    assert context.store is not None
    return RunFolder(await context.store(), key.namespace, key.name, context.run.run_id)


async def _put_parts(
    context: Context, folder: RunFolder, kind: str, table: str, written_by: int | None = None
) -> AsyncIterator[ArchivedObject]:
    number = 0
    async for part in image_copy.parts_of(context.work, table, context.timeouts, written_by):
        number += 1
        yield await folder.put(f"{kind}-{number:05}.copy.gz", part.content, part.rows)


async def _record(context: Context, folder: RunFolder, found: Manifest, kept: Image) -> None:
    sha256 = await folder.seal(found)
    entry = entry_of(found, folder.url, sha256)
    async with context.work.transaction(context.timeouts):
        await fence.check_epoch(context.work, context.run)
        await catalogue.record_archive(
            context.work, context.run, entry, context.spec.backup.retention_seconds
        )
        await image_copy.drop(context.work, *([removed_name(kept.name)] if found.write else []))


async def _load(context: Context, folder: RunFolder, found: Manifest, name: str) -> None:
    columns = [CopiedColumn(c.name, c.type, c.archived) for c in found.columns]
    delta = found.delta
    base = delta.added if delta and delta.replaces else found.objects
    await _load_table(context, folder, name, columns, base)
    if delta is None or delta.replaces or not (delta.added or delta.removed):
        return
    keys = [column for column in columns if column.name in found.keys]
    added, removed = added_name(name), removed_name(name)
    await image_copy.drop(context.work, added, removed)
    await _load_table(context, folder, added, columns, delta.added)
    await _load_table(context, folder, removed, keys, delta.removed)
    await image_copy.replace_rows(context.work, name, removed, added, found.keys)
    await image_copy.drop(context.work, added, removed)


async def _load_table(
    context: Context,
    folder: RunFolder,
    table: str,
    columns: list[CopiedColumn],
    objects: tuple[ArchivedObject, ...],
) -> None:
    await image_copy.create_like_copy(context.work, table, columns)
    async for one, content in folder.objects(objects):
        try:
            await image_copy.load(context.work, table, columns, content)
        except zlib.error as error:
            raise damaged(folder.url, f"{one.name} can't be unpacked") from error
    await image_copy.retype(context.work, table, columns)


def _manifest(
    context: Context, kept: Image, columns: tuple[CopiedColumn, ...], objects: tuple[ArchivedObject, ...]
) -> Manifest:
    return Manifest(
        owner=owner_of(context),
        spec=described_spec(context.spec),
        plan=PLAN.dump_python(context.plan, mode="json"),
        image=described_image(kept),
        columns=tuple(ArchivedColumn(name=c.name, type=c.type, archived=c.copied) for c in columns),
        keys=tuple(image.key_names(context.plan.shape)),
        objects=objects,
        write=described_write(context.run.write),
        made_by=__version__,
    )
