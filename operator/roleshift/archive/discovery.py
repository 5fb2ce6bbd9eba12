"""Which archives lie in a store, when neither ledger nor object is there to tell."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from roleshift.archive import manifest
from roleshift.archive.manifest import Manifest, opened
from roleshift.archive.store import Store, StoreAddress
from roleshift.errors import Reason, StoreError

_DEPTH = 4


@dataclass(frozen=True, slots=True)
class FoundArchive:
    """One archive, by what its folder is called and what its manifest says.

    Attributes:
        manifest: None where it is damaged; `damage` says how.
    """

    namespace: str
    name: str
    run_id: str
    url: str
    manifest: Manifest | None
    damage: str = ""


async def found_archives(address: StoreAddress) -> AsyncIterator[FoundArchive]:
    """Every archive below a URL; only manifests are read, no rows.

    Raises:
        StoreError: the store can't be used.
    """
    store = Store(address)
    async for path in store.names():
        parts = path.split("/")
        if len(parts) == _DEPTH and parts[-1] == manifest.NAME:
            yield await _found(store, *parts[:-1])


async def _found(store: Store, namespace: str, name: str, run_id: str) -> FoundArchive:
    folder = store.below(namespace, name, run_id)
    content = await folder.get(manifest.NAME) or b""
    try:
        return FoundArchive(namespace, name, run_id, folder.url, opened(content, folder.url))
    except StoreError as error:
        if error.reason is not Reason.BACKUP_DAMAGED:
            raise
        return FoundArchive(namespace, name, run_id, folder.url, None, error.message)
