"""A folder in an object store: putting, getting and removing small objects. Knows nothing of what they are.

Each object is put by one request: nobody ever sees half of one, and an interruption leaves nothing behind.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import (
    BaseError,
    GenericError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnknownConfigurationKeyError,
)
from obstore.store import LocalStore, from_url

from roleshift.errors import Reason, StoreError

CONNECT_SECONDS = 5
REQUEST_SECONDS = 60
RETRY_SECONDS = 15
_MOST_RETRIES = 3
_NO_SUCH_BUCKET = "NoSuchBucket"
_FULL = ("os error 28", "os error 122", "507 Insufficient Storage")
_NO_SPACE = frozenset({28, 122})  # ENOSPC, EDQUOT
_SCHEMES = {"s3": "aws_", "gs": "google_", "az": "azure_"}


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where a store is and how to get in.

    Attributes:
        url: spec.backup.archive.url.
        config: settings of the store by the names of the object_store crate; the Secret's entries.
        allowed: folders below which file:// may write.
        is_read_only: nothing is ever put there, so that a folder is not created.
    """

    url: str
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    allowed: tuple[Path, ...] = ()
    is_read_only: bool = False


def of_environment(url: str) -> StoreAddress:
    """The address of a store for a person who only reads, with the credentials of the environment."""
    return StoreAddress(url, {}, (Path("/"),), is_read_only=True)


class Store:
    """A folder in an object store.

    Raises in every method:
        StoreError: StoreUnreachable, StoreAccessDenied, StoreNotFound or StoreFull, all retryable.
    """

    def __init__(self, address: StoreAddress, folder: str = "") -> None:
        """Reach no server yet.

        Raises:
            StoreError: InvalidArchive; the URL or the settings can't be used.
        """
        self._address = address
        self._folder = folder
        self._store: Any = _opened(address)

    @property
    def url(self) -> str:
        """The folder's URL."""
        return "/".join(part.strip("/") if i else part.rstrip("/") for i, part in enumerate(self._parts))

    @property
    def _parts(self) -> tuple[str, ...]:
        return (self._address.url, self._folder) if self._folder else (self._address.url,)

    def below(self, *names: str) -> "Store":
        """A folder in this one."""
        return Store(self._address, "/".join(part for part in (self._folder, *names) if part))

    async def put(self, name: str, content: bytes) -> None:
        """Put an object, in the place of another one if there is one."""
        with self._meaning():
            await obstore.put_async(self._store, self._path(name), content, use_multipart=False)

    async def get(self, name: str) -> bytes | None:
        """An object's content, None where there is none of that name."""
        with self._meaning():
            try:
                found = await obstore.get_async(self._store, self._path(name))
                return bytes(await found.bytes_async())
            except (NotFoundError, FileNotFoundError) as error:
                if _NO_SUCH_BUCKET in str(error):
                    raise
                return None

    async def delete(self, name: str) -> None:
        """Remove an object; nothing happens where there is none."""
        with self._meaning():
            try:
                await obstore.delete_async(self._store, self._path(name))
            except (NotFoundError, FileNotFoundError):
                return

    async def names(self) -> AsyncIterator[str]:
        """The names of every object in the folder and in those below it."""
        with self._meaning():
            prefix = self._folder or None
            async for page in obstore.list(self._store, prefix=prefix):
                for found in page:
                    path = str(found["path"])
                    yield path[len(self._folder) :].lstrip("/") if self._folder else path

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}" if self._folder else name

    @contextmanager
    def _meaning(self) -> Iterator[None]:
        """Errors of the client in Roleshift's words; its own texts may hold what nobody should read."""
        try:
            yield
        except (TimeoutError, BaseError, OSError) as error:
            raise _translated(error, self._address.url) from error


def _opened(address: StoreAddress) -> Any:
    if urlsplit(address.url).scheme == "file":
        return _opened_folder(address)
    try:
        return from_url(
            address.url,
            config=_config(address),  # type: ignore[call-overload]
            client_options={
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "timeout": timedelta(seconds=REQUEST_SECONDS),
                "allow_http": True,
            },
            retry_config={
                "max_retries": _MOST_RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS),
            },
        )
    except (BaseError, ValueError) as error:
        raise StoreError(
            Reason.INVALID_ARCHIVE,
            f"spec.backup.archive.url {address.url} can't be used as it is: write s3://, gs:// or az:// "
            "with a bucket and a prefix, or file:///",
        ) from error


def _opened_folder(address: StoreAddress) -> LocalStore:
    folder = _allowed_folder(address)
    if address.is_read_only and not folder.is_dir():
        raise _not_found(address.url)
    return LocalStore(folder, mkdir=not address.is_read_only)


def _config(address: StoreAddress) -> dict[str, str]:
    return {name.lower(): value for name, value in address.config.items()}


def _allowed_folder(address: StoreAddress) -> Path:
    """The folder of a file:// URL, with symbolic links and dots resolved.

    Raises:
        StoreError: InvalidArchive; it is not below a folder that the operator was started with.
    """
    folder = Path(unquote(urlsplit(address.url).path)).resolve()
    if any(folder.is_relative_to(allowed.resolve()) for allowed in address.allowed):
        return folder
    below = ", ".join(str(one) for one in address.allowed) or "none is"
    raise StoreError(
        Reason.INVALID_ARCHIVE,
        f"spec.backup.archive.url is {address.url}, which is not below a folder that the operator may write "
        f"to ({below} allowed); start it with --archive-directory, or use an object store",
    )


def unknown_settings(url: str, config: Mapping[str, str]) -> list[str]:
    """Names of settings that the store of a URL does not know; none for file://."""
    if urlsplit(url).scheme not in _SCHEMES:
        return sorted(config)
    prefix = _SCHEMES[urlsplit(url).scheme]
    return sorted(name for name in config if not _is_known(url, prefix, name.lower()))


def _is_known(url: str, prefix: str, name: str) -> bool:
    if not name.startswith(prefix):
        return False
    try:
        from_url(url, config={name: "true"})  # type: ignore[call-overload]
    except UnknownConfigurationKeyError:
        return False
    except (BaseError, ValueError):
        return True  # It is known, and another value or another setting is needed beside it.
    return True


def _translated(error: Exception, url: str) -> StoreError:
    """By class, and where one class means several things by what the server's answer is called."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return _failed(
            Reason.STORE_ACCESS_DENIED,
            f"{url} refuses the credentials, or they may not read, write and delete there; correct the "
            "Secret of spec.backup.archive.secretRef, or the rights that it stands for",
        )
    if isinstance(error, NotFoundError | FileNotFoundError):
        return _not_found(url)
    if (isinstance(error, OSError) and error.errno in _NO_SPACE) or _is_full(error):
        return _failed(Reason.STORE_FULL, f"{url} takes nothing more: free space or raise the quota")
    return _failed(
        Reason.STORE_UNREACHABLE,
        f"{url} does not answer as it should ({type(error).__name__}); check the URL, the endpoint in the "
        "Secret, and the network policy",
    )


def _not_found(url: str) -> StoreError:
    return _failed(Reason.STORE_NOT_FOUND, f"there is no bucket, container or folder {url}: create it")


def _is_full(error: Exception) -> bool:
    """A full disk below file://, or a quota: only the text of a generic error tells."""
    text = str(error)
    return isinstance(error, GenericError) and any(sign in text for sign in _FULL)


def _failed(reason: Reason, message: str) -> StoreError:
    return StoreError(reason, message, retryable=True)
