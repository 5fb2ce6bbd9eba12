"""Names of things that a run makes in the database, within PostgreSQL's limit of 63 bytes."""

from roleshift.engine.hashing import short_hash

MAX_IDENTIFIER_BYTES = 63
_PREFIX = "migration_backup_"
# All of the same length, so that each fits where the image's name does.
_PARKING_PREFIX = "migration_parked_"
_REMOVED_PREFIX = "migration_remove_"
_ADDED_PREFIX = "migration_insert_"
_BROKEN_PREFIX = "migration_broken_"


def image_name(table: str, run_id: str) -> str:
    """The name of a run's before-image: `migration_backup_<table>_<short run id>`.

    A table name that does not fit is cut between characters and followed by
    eight digits of its hash, so that two long names stay apart.
    """
    suffix = "_" + run_id.replace("-", "")[:8]
    room = MAX_IDENTIFIER_BYTES - len(_PREFIX) - len(suffix)
    if len(table.encode()) > room:
        tail = "_" + short_hash(table)
        table = cut_to_bytes(table, room - len(tail)) + tail
    return _PREFIX + table + suffix


def parking_name(image: str) -> str:
    """The name of the table that keeps rows of an image's run while they are taken out of the target."""
    return _beside(_PARKING_PREFIX, image)


def removed_name(image: str) -> str:
    """The name of the table with the keys of rows that the write took out of an image."""
    return _beside(_REMOVED_PREFIX, image)


def added_name(image: str) -> str:
    """The name of the table with the rows that the write put into an image, while it is loaded."""
    return _beside(_ADDED_PREFIX, image)


def broken_name(image: str) -> str:
    """The name that an altered image is kept under."""
    return _beside(_BROKEN_PREFIX, image)


def _beside(prefix: str, image: str) -> str:
    return prefix + image.removeprefix(_PREFIX)


def cut_to_bytes(text: str, limit: int) -> str:
    """The longest prefix of whole characters that fits in `limit` bytes of UTF-8."""
    return text.encode()[:limit].decode(errors="ignore")
