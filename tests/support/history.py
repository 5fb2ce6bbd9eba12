"""What the histories of every kind of table have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from localenv.database import Database
from roleshift.api import Backup, RoleMigrationSpec
from roleshift.archive.store import StoreAddress
from support.archives import in_folder
from support.run_phases import PhaseRun


class Point(StrEnum):
    """When a person asks for the old state."""

    BEFORE_THE_WRITE = "before the write"
    BEFORE_IT_IS_VERIFIED = "before it is verified"
    DONE = "done"


class Source(StrEnum):
    """What the old state comes back from; from the archive only once that was completed."""

    IMAGE = "image"
    ARCHIVE = "archive"


@contextmanager
def place_for(source: Source) -> Iterator[StoreAddress | None]:
    """Where archives of one history lie, None where it makes none."""
    if source is Source.IMAGE:
        yield None
        return
    with TemporaryDirectory() as folder:
        yield in_folder(Path(folder))


def backed_up_to(store: StoreAddress | None, spec: RoleMigrationSpec) -> RoleMigrationSpec:
    """A spec that has its image archived there, too."""
    if store is None:
        return spec
    wanted = {"methods": ["Table", "Archive"], "archive": {"url": store.url}}
    return spec.model_copy(update={"backup": Backup.model_validate(wanted)})


def leave_only_the_archive(database: Database, run: PhaseRun) -> None:
    """Lose the image of a run that has archived it."""
    if run.store is not None:
        database.execute(f"DROP TABLE roleshift.{run.image_name}")
