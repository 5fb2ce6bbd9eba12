"""Archives of a test that lie below a folder; those in a bucket are `s3`'s."""

import gzip
from pathlib import Path
from typing import Any

from roleshift.api import RoleMigrationSpec
from roleshift.archive.store import StoreAddress
from support.run_phases import spec_of


def in_folder(folder: Path) -> StoreAddress:
    """Archives below a folder."""
    return StoreAddress(f"file://{folder}/archive", {}, (folder,))


def archived(address: StoreAddress, base: dict[str, Any] | None = None, **changes: Any) -> RoleMigrationSpec:
    """A spec with both methods."""
    backup = {"methods": ["Table", "Archive"], "archive": {"url": address.url}}
    return spec_of(base, backup=backup, **changes)


def files_of(folder: Path) -> dict[str, Path]:
    """The objects of the one run that is archived below a folder, by name."""
    return {path.name: path for path in sorted(folder.rglob("*")) if path.is_file()}


def rewrite(part: Path, old: bytes, new: bytes) -> None:
    """Change the content of a part, which stays a good file."""
    content = gzip.decompress(part.read_bytes())
    assert old in content
    part.write_bytes(gzip.compress(content.replace(old, new)))
