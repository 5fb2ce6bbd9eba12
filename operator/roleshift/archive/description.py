"""What a backup says of itself: whose it is, and what a restore needs when ledger and object are gone.

An image carries it as its table's comment, an archive in its manifest.
"""

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from roleshift.engine.hashing import canonical_hash
from roleshift.engine.identity import RunIdentity
from roleshift.errors import DatabaseError, Reason

FORMAT: Literal["roleshift-backup/1"] = "roleshift-backup/1"


class Part(BaseModel):
    """A part of a document that a later version of this program can read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Owner(Part):
    """Whose backup it is.

    Attributes:
        database_identity: as the ledger notes it, to tell a copied database from this one.
    """

    run_id: str
    cluster_uid: str
    namespace: str
    name: str
    spec_hash: str
    manifest_hash: str
    attempt: int
    database_identity: str
    target_oid: int
    target_name: str

    @property
    def identity(self) -> RunIdentity:
        """What its run is found by in a ledger."""
        return RunIdentity(self.cluster_uid, self.namespace, self.name, self.spec_hash)


class ArchivedImage(Part):
    """The image: figures as the ledger has them, and what it needs besides its rows."""

    name: str
    rows: int
    bytes: int
    checksum: str
    references: dict[str, int]
    arrived: tuple[str, ...]
    created_at: datetime


class ArchivedWrite(Part):
    """The committed write."""

    xid: int
    written_at: datetime
    rows: int


class Description(Part):
    """A backup in its own words.

    Attributes:
        spec: of the RoleMigration, as `RoleMigrationSpec` dumps it; it names Secrets and holds none.
        plan: as the ledger has it.
        write: None in an archive that was not completed after the write.
    """

    format: Literal["roleshift-backup/1"] = FORMAT
    owner: Owner
    spec: dict[str, Any]
    plan: dict[str, Any]
    image: ArchivedImage
    write: ArchivedWrite | None = None


def sealed(found: Description) -> str:
    """A line for people, and the description with a hash over all of it."""
    document = found.model_dump(mode="json")
    owner = found.owner
    line = (
        f"Backup of {owner.namespace}/{owner.name}. To bring its roles back: roleshift restore {owner.run_id}"
    )
    return f"{line}\n{json.dumps({'description': document, 'sha256': canonical_hash(document)})}"


def opened(text: str, where: str) -> Description:
    """Read what `sealed` wrote, and prove it whole.

    Args:
        where: what carries it, for the message.

    Raises:
        DatabaseError: BackupDamaged; it can't be read, or was altered since it was written.
    """
    try:
        document = json.loads(text.partition("\n")[2])
        found = Description.model_validate(document["description"])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise _damaged(where, "can't be read") from error
    if canonical_hash(document["description"]) != document.get("sha256"):
        raise _damaged(where, "was altered since it was written")
    return found


def _damaged(where: str, what: str) -> DatabaseError:
    return DatabaseError(
        Reason.BACKUP_DAMAGED, f"the comment on {where}, which says what the backup is, {what}"
    )
