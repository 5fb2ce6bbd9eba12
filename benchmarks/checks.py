"""One look at a database: two sessions opened, every check judged, the plan made. Nothing is written."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from benchmarks.measurement import Measurement, Size
from benchmarks.people import create_people, manifest
from localenv.database import Database
from localenv.postgres import PostgresServer
from roleshift.api import RoleMigrationSpec
from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.phases.examination import Examination, examine
from roleshift.postgres.connect import Purpose, session

ROWS = {Size.SMALL: 200_000, Size.FULL: 2_000_000}
LOOKS = 7


def measure_checks(size: Size) -> Iterator[Measurement]:
    """Seconds of a look at a table of so many rows."""
    rows = ROWS[size]
    spec = RoleMigrationSpec.model_validate(manifest("checks", "bench", "checks")["spec"])
    with PostgresServer(18) as server:
        database = Database.create(server)
        create_people(database, rows)
        seconds = tuple(_seconds(database, spec) for _ in range(LOOKS))
        database.drop()
    yield Measurement(f"{rows} rows: 24 checks and the plan", "s", seconds)


def _seconds(database: Database, spec: RoleMigrationSpec) -> float:
    started = time.monotonic()
    found = asyncio.run(_look(database, spec))
    took = time.monotonic() - started
    if found.plan is None:
        raise RuntimeError(f"no plan was made: {found.gate}")
    return took


async def _look(database: Database, spec: RoleMigrationSpec) -> Examination:
    parameters = ConnectionParameters(uri=database.uri)
    purpose = Purpose("bench", "checks", str(uuid.uuid4()), spec.target.schema_name)
    async with session(parameters, purpose) as reading, session(parameters, purpose) as trying:
        return await examine(spec, reading, trying, Surroundings(datetime.now(UTC)))
