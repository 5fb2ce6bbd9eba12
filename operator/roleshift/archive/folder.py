"""The folder of one run in an object store: putting what is read back and compared, and reading it again."""

from collections.abc import AsyncIterator
from dataclasses import replace

from roleshift.archive import manifest
from roleshift.archive.manifest import ArchivedObject, Manifest, damaged, opened, sealed, sha256_of
from roleshift.archive.store import Store, StoreAddress
from roleshift.errors import Reason, StoreError


class RunFolder:
    """Where the archive of one run lies. Raises in every method what `Store` raises."""

    def __init__(self, address: StoreAddress, namespace: str, name: str, run_id: str) -> None:
        self._store = Store(address).below(namespace, name, run_id)
        self._run_id = run_id

    @classmethod
    def at(cls, url: str, address: StoreAddress, run_id: str) -> "RunFolder":
        """The folder that has that URL, wherever a later manifest keeps its own archives.

        Args:
            address: gives the credentials, and what is allowed.
        """
        base, namespace, name, _ = url.rsplit("/", 3)
        return cls(replace(address, url=base), namespace, name, run_id)

    @property
    def url(self) -> str:
        """The folder's URL."""
        return self._store.url

    async def must_be_ours(self) -> None:
        """Nothing of another run lies here.

        Raises:
            StoreError: InvalidArchive.
        """
        content = await self._store.get(manifest.NAME)
        if content is not None and opened(content, self.url).owner.run_id != self._run_id:
            raise StoreError(
                Reason.INVALID_ARCHIVE,
                f"{self.url} holds the backup of another run: move it away, or name another URL",
            )

    async def put(self, name: str, content: bytes, rows: int) -> ArchivedObject:
        """Put an object and read it back.

        Raises:
            StoreError: BackupNotVerified; what came back is not what was put.
        """
        put = ArchivedObject(name=name, rows=rows, size=len(content), sha256=sha256_of(content))
        await self._store.put(name, content)
        if await self._store.get(name) != content:
            raise StoreError(
                Reason.BACKUP_NOT_VERIFIED, f"{self.url}/{name} came back otherwise than it was put"
            )
        return put

    async def seal(self, found: Manifest) -> str:
        """Put the manifest and read it back; its SHA-256 as hexadecimal digits. Raises as `put`."""
        return (await self.put(manifest.NAME, sealed(found), 0)).sha256

    async def manifest(self, sha256: str = "") -> Manifest:
        """The manifest, proved whole and of this run.

        Args:
            sha256: as the ledger noted it; "" where no ledger is left.

        Raises:
            StoreError: BackupDamaged.
        """
        content = await self._store.get(manifest.NAME)
        if content is None:
            raise damaged(self.url, f"{manifest.NAME} is missing")
        found = opened(content, self.url)
        if found.owner.run_id != self._run_id:
            raise damaged(self.url, f"{manifest.NAME} is of another run, {found.owner.run_id}")
        if sha256 and sha256_of(content) != sha256:
            raise damaged(self.url, f"{manifest.NAME} is another one than the ledger knows")
        return found

    async def objects(
        self, wanted: tuple[ArchivedObject, ...]
    ) -> AsyncIterator[tuple[ArchivedObject, bytes]]:
        """Objects with their content, each proved unaltered before it is handed over.

        Raises:
            StoreError: BackupDamaged; one is missing or altered.
        """
        for one in wanted:
            content = await self._store.get(one.name)
            if content is None:
                raise damaged(self.url, f"{one.name} is missing")
            if not one.is_intact(content):
                raise damaged(self.url, f"{one.name} was altered: {manifest.NAME} has another SHA-256")
            yield one, content

    async def names(self) -> list[str]:
        """The names of all objects that lie here."""
        return [name async for name in self._store.names()]

    async def remove(self) -> None:
        """Remove everything, the manifest first: what is left after an interruption is no backup any more."""
        for name in (manifest.NAME, *await self.names()):
            await self._store.delete(name)

    async def try_out(self, name: str) -> None:
        """Put, get and remove an object, as a run does. Raises as `put`."""
        try:
            await self.put(name, b"roleshift", 0)
        finally:
            await self._store.delete(name)
