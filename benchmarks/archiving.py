"""What an archive costs: the operator's memory while it archives, which must not grow with the table."""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Measurement, Size
from benchmarks.people import create_people, manifest
from benchmarks.stage import Stage, fresh_database, stage

ROWS = {Size.SMALL: (20_000, 200_000), Size.FULL: (200_000, 2_000_000)}
_LOOK_SECONDS = 0.05


def measure_archiving(size: Size) -> Iterator[Measurement]:
    """Peak of the operator's memory in runs with an archive of two sizes, and their seconds."""
    with (
        tempfile.TemporaryDirectory(prefix="roleshift-bench-") as folder,
        stage("--archive-directory", folder) as on,
    ):
        for rows in ROWS[size]:
            seconds, peak = _sample(on, rows, Path(folder))
            yield Measurement(f"{rows} rows: whole run with an archive", "s", (seconds,))
            yield Measurement(f"{rows} rows: most memory of the operator meanwhile", "MiB", (peak,))


def _sample(on: Stage, rows: int, folder: Path) -> tuple[float, float]:
    with fresh_database(on) as database:
        create_people(database, rows)
        name = f"archived-{rows}"
        on.create_secret(name, database.uri)
        wanted = manifest(name, on.namespace, name)
        archive = {"url": f"file://{folder}/{name}"}
        wanted["spec"]["backup"] = {"methods": ["Table", "Archive"], "archive": archive}
        with _Peak(on) as peak:
            seconds = on.migrate(name, wanted)
        return seconds, peak.mebibytes


class _Peak:
    """The most memory that the operator has had, sampled in a thread."""

    def __init__(self, on: Stage) -> None:
        self._on = on
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.mebibytes = 0.0

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.mebibytes = max(self.mebibytes, self._on.operator.rss_bytes() / 2**20)
