"""The manifest of an archived backup: whose it is, what it holds, and how each object is proved unaltered.

It is enough to restore from when neither ledger nor object is left: the plan is in it, as the ledger has it.
"""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from roleshift.archive.description import ArchivedImage, ArchivedWrite, Description, Owner, Part
from roleshift.engine.hashing import canonical_hash
from roleshift.errors import Reason, StoreError

FORMAT: Literal["roleshift-archive/1"] = "roleshift-archive/1"
NAME = "manifest.json"


class ArchivedColumn(Part):
    """A column of the image.

    Attributes:
        type: in the image, as `format_type` writes it.
        archived: in the objects: text where a type's own binary form means nothing in another database.
    """

    name: str
    type: str
    archived: str


class ArchivedObject(Part):
    """One object: a complete binary COPY file, compressed by gzip.

    Attributes:
        sha256: of the object as it is in the store, as hexadecimal digits.
        size: of the object, in bytes.
    """

    name: str
    rows: int
    size: int
    sha256: str

    def is_intact(self, content: bytes) -> bool:
        """Whether the content is what was put."""
        return len(content) == self.size and sha256_of(content) == self.sha256


class Delta(Part):
    """What the write has changed in the image since its objects were put.

    Attributes:
        replaces: the image was made anew: the added rows are all there is.
        added: objects with rows that came in.
        removed: objects with the keys of rows that went, which come before those that were added.
        image: the image after the write.
    """

    replaces: bool
    added: tuple[ArchivedObject, ...]
    removed: tuple[ArchivedObject, ...]
    image: ArchivedImage


class Manifest(Part):
    """Everything about one archived backup."""

    format: Literal["roleshift-archive/1"] = FORMAT
    owner: Owner
    spec: dict[str, Any] | None = None
    plan: dict[str, Any]
    image: ArchivedImage
    columns: tuple[ArchivedColumn, ...]
    keys: tuple[str, ...]
    objects: tuple[ArchivedObject, ...]
    write: ArchivedWrite | None = None
    delta: Delta | None = None
    made_by: str

    @property
    def final_image(self) -> ArchivedImage:
        """The image as a restore needs it."""
        return self.delta.image if self.delta else self.image

    @property
    def description(self) -> Description | None:
        """What a restore needs besides the rows; None where an earlier version left out the spec."""
        if self.spec is None:
            return None
        return Description(
            owner=self.owner, spec=self.spec, plan=self.plan, image=self.final_image, write=self.write
        )

    @property
    def every_object(self) -> tuple[ArchivedObject, ...]:
        """Every object beside the manifest."""
        return (*self.objects, *(self.delta.added + self.delta.removed if self.delta else ()))

    @property
    def size(self) -> int:
        """Bytes of every object beside the manifest."""
        return sum(one.size for one in self.every_object)


class _Sealed(Part):
    manifest: Manifest
    sha256: Annotated[str, Field(pattern="^sha256:")]


def sealed(manifest: Manifest) -> bytes:
    """The manifest as it lies in the store, with a hash over all of it."""
    document = manifest.model_dump(mode="json")
    seal = _Sealed(manifest=manifest, sha256=canonical_hash(document))
    return seal.model_dump_json(indent=2).encode()


def opened(content: bytes, where: str) -> Manifest:
    """Read a manifest and prove it whole.

    Args:
        where: its folder, for the message.

    Raises:
        StoreError: BackupDamaged; it can't be read, or was altered since it was written.
    """
    try:
        found = _Sealed.model_validate_json(content)
    except ValidationError as error:
        raise damaged(where, f"{NAME} can't be read as one of format {FORMAT}") from error
    if canonical_hash(json.loads(content)["manifest"]) != found.sha256:
        raise damaged(where, f"{NAME} was altered since it was written")
    return found.manifest


def damaged(where: str, what: str) -> StoreError:
    """The error of an archive that must not be restored from."""
    return StoreError(Reason.BACKUP_DAMAGED, f"the archive {where} is damaged: {what}")


def sha256_of(content: bytes) -> str:
    """As hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
