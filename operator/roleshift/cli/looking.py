"""One look at the database of a manifest, for the commands that need no cluster. Writes nothing."""

import asyncio
import shutil
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from roleshift.api import RoleMigration
from roleshift.cli.database import database_parameters
from roleshift.cli.look import Look
from roleshift.cli.manifests import read_manifest
from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.support import unsupported_fields
from roleshift.phases.examination import Examination, examine
from roleshift.postgres.connect import Purpose, session

_WIDEST = 120


def look_for(filename: str, uri_file: Path | None) -> Look:
    """Read a manifest and examine its database, as the operator would.

    Raises:
        CommandError: the manifest or the database is not named rightly.
        RoleshiftError: the manifest is not valid, or the database can't be reached.
    """
    migration, parameters = named(filename, uri_file)
    return asyncio.run(look_at(migration, parameters))


def named(filename: str, uri_file: Path | None) -> tuple[RoleMigration, ConnectionParameters]:
    """The manifest, and how to reach the database; nothing is opened yet. Raises as `look_for`."""
    migration = read_manifest(filename)
    parameters = database_parameters(uri_file)
    if migration.spec.connection.ssl_mode is not None:
        parameters = replace(parameters, ssl_mode=migration.spec.connection.ssl_mode)
    return migration, parameters


async def look_at(migration: RoleMigration, parameters: ConnectionParameters) -> Look:
    """Examine the database as the operator would. Raises as `look_for`."""
    found = await _look(migration, parameters)
    return Look(migration, found, tuple(str(one) for one in unsupported_fields(migration.spec)))


def output_width() -> int:
    """Cells of a line of a report, so that lines stay readable on a wide terminal."""
    return min(shutil.get_terminal_size().columns, _WIDEST)


async def _look(migration: RoleMigration, parameters: ConnectionParameters) -> Examination:
    meta, spec = migration.metadata, migration.spec
    purpose = Purpose(meta.namespace, meta.name, str(uuid.uuid4()), spec.target.schema_name)
    surroundings = Surroundings(datetime.now(UTC))
    async with session(parameters, purpose) as reading, session(parameters, purpose) as trying:
        return await examine(spec, reading, trying, surroundings)
