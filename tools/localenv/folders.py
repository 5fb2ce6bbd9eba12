"""Temporary folders of the harness: short names, private, gone at the end."""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

from localenv.guardian import guardian

# A unix socket's path holds 107 bytes at most, and this leaves room for names below the folder.
_LONGEST = 60
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it


def create_folder(prefix: str, parent: Path | None = None) -> Path:
    """A new folder with mode 700 that the guardian removes if `remove_folder` is never called.

    Args:
        prefix: what it is for; a part of its name.
        parent: where it goes; None: where temporary files go on this machine.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"roleshift-{prefix}-", dir=parent or _parent()))
    guardian().watch_folder(folder)
    return folder


def remove_folder(folder: Path) -> None:
    """Remove what `create_folder` made; a second call does nothing."""
    if folder.exists():
        shutil.rmtree(folder)
    guardian().forget(folder)


def roomy_memory(needed_bytes: int) -> Path | None:
    """The folder whose files live in memory, or None where that has no room for `needed_bytes`."""
    if not _IN_MEMORY.is_dir() or psutil.virtual_memory().available < needed_bytes:
        return None
    return _IN_MEMORY if shutil.disk_usage(_IN_MEMORY).free >= needed_bytes else None


def _parent() -> str:
    """The folder for temporary files, unless it is too deep, or closed to the server's user."""
    usual, short = tempfile.gettempdir(), Path("/tmp")  # noqa: S108 - mkdtemp makes a private folder in it
    too_deep = len(usual) > _LONGEST
    perhaps_closed = os.geteuid() == 0
    return str(short) if (too_deep or perhaps_closed) and short.is_dir() else usual
