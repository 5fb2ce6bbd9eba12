"""`roleshift check`: one look at the database of a manifest, without a cluster and without writing."""

import asyncio
import json
import shutil
import sys
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from roleshift.api import RoleMigration
from roleshift.api.fields import immutable_part
from roleshift.cli.database import database_parameters
from roleshift.cli.exit_codes import ExitCode
from roleshift.cli.manifests import read_manifest
from roleshift.cli.options import Report
from roleshift.cli.safety_report import as_document, as_text
from roleshift.cli.symbols import symbols_for
from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.score import GateOpen
from roleshift.engine.support import unsupported_fields
from roleshift.phases.examination import Examination, examine
from roleshift.postgres.connect import Purpose, session

_WIDEST = 120


def check(filename: str, uri_file: Path | None, form: Report) -> ExitCode:
    """Look, print, and say by the exit code whether the gate is open.

    Raises:
        CommandError: the manifest or the database is not named rightly.
        RoleshiftError: the manifest is not valid, or the database can't be reached.
    """
    migration = read_manifest(filename)
    parameters = database_parameters(uri_file)
    if migration.spec.connection.ssl_mode is not None:
        parameters = replace(parameters, ssl_mode=migration.spec.connection.ssl_mode)
    found = asyncio.run(_look(migration, parameters))
    refused = [str(one) for one in unsupported_fields(migration.spec)]
    if form is Report.JSON:
        print(json.dumps(as_document(migration, found, refused), indent=2, ensure_ascii=False))
    else:
        width = min(shutil.get_terminal_size().columns, _WIDEST)
        print(as_text(migration, found, refused, symbols_for(sys.stdout.encoding), width))
    return ExitCode.WANTED if isinstance(found.gate, GateOpen) and not refused else ExitCode.FAILED


async def _look(migration: RoleMigration, parameters: ConnectionParameters) -> Examination:
    meta, spec = migration.metadata, migration.spec
    purpose = Purpose(meta.namespace, meta.name, str(uuid.uuid4()), spec.target.schema_name)
    surroundings = Surroundings(datetime.now(UTC))
    async with session(parameters, purpose) as reading, session(parameters, purpose) as trying:
        return await examine(spec, immutable_part(spec), reading, trying, surroundings)
