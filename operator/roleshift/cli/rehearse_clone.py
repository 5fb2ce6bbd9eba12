"""A rehearsal on a clone, where everything really happens, COMMIT and rollback included.

The clone is a new database on the same server: a copy of the files where nobody is connected, else what
pg_dump reads and pg_restore writes. It is dropped at the end, whatever happens.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from roleshift.cli import clone_tools
from roleshift.cli.clone_run import CloneRun
from roleshift.cli.clone_tools import Address
from roleshift.cli.exit_codes import CommandError
from roleshift.cli.look import Look
from roleshift.cli.rehearsed import Rehearsed, Way
from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.rehearsal import Rehearsal
from roleshift.engine.run import LogEntry
from roleshift.errors import DatabaseError, RoleshiftError
from roleshift.postgres import clone
from roleshift.postgres.clone import Origin
from roleshift.postgres.connect import Purpose, session

_MAJOR = 10_000
Told = Callable[[LogEntry], None]


@dataclass(frozen=True, slots=True)
class _Clone:
    """Where the clone is, and how it was made."""

    parameters: ConnectionParameters
    way: Way
    owners_kept: bool


async def rehearse_on_clone(
    look: Look, parameters: ConnectionParameters, tools: Path | None, told: Told
) -> Rehearsed:
    """Make a clone, migrate it and bring it back, drop it.

    Raises:
        CommandError: there are no fitting tools, or they failed.
        RoleshiftError: the role may not create a database, or the server can't be reached.
    """
    async with _cloned(look, parameters, tools) as made:
        found = await _migrated(look, made, told)
    return Rehearsed(look, made.way, found, made.owners_kept)


async def _migrated(look: Look, made: _Clone, told: Told) -> Rehearsal:
    run_id = str(uuid.uuid4())
    purpose = _purpose(look, run_id)
    async with session(made.parameters, purpose) as control, session(made.parameters, purpose) as work:
        run = await CloneRun.begin(look.migration, run_id, control, work, told)
        return await run.there_and_back()


def _purpose(look: Look, run_id: str = "") -> Purpose:
    meta = look.migration.metadata
    return Purpose(meta.namespace, meta.name, run_id, look.migration.spec.target.schema_name)


@asynccontextmanager
async def _cloned(look: Look, parameters: ConnectionParameters, tools: Path | None) -> AsyncIterator[_Clone]:
    """The clone, filled and at rest; dropped when the block ends, however it ends."""
    name, purpose = clone.new_name(), _purpose(look)
    try:
        made = await _made(parameters, purpose, name, tools)
        async with session(made.parameters, purpose) as opened:
            await clone.settle(opened)
        yield made
    finally:
        await _dropped(parameters, purpose, name)


async def _dropped(parameters: ConnectionParameters, purpose: Purpose, name: str) -> None:
    try:
        async with session(parameters, purpose) as opened:
            await clone.drop(opened, name)
    except RoleshiftError as error:
        raise CommandError(
            f'the clone could not be dropped ({error.message}): run DROP DATABASE "{name}" WITH (FORCE)'
        ) from error


async def _made(parameters: ConnectionParameters, purpose: Purpose, name: str, tools: Path | None) -> _Clone:
    async with session(parameters, purpose) as opened:
        origin = await clone.origin_of(opened)
    there = clone.elsewhere(parameters, name)
    if origin.may_copy and not origin.others and await _copied(parameters, purpose, origin, name):
        return _Clone(there, Way.TEMPLATE, owners_kept=True)
    await _dumped(parameters, purpose, origin, name, tools)
    return _Clone(there, Way.DUMP, owners_kept=origin.superuser)


async def _copied(parameters: ConnectionParameters, purpose: Purpose, origin: Origin, name: str) -> bool:
    """Whether the files could be copied; where they can't be, there is another way."""
    if origin.name == clone.MAINTENANCE:
        return False
    try:
        async with clone.standing_aside(parameters, purpose) as opened:
            return await clone.create_by_template(opened, origin, name)
    except DatabaseError:
        return False


async def _dumped(
    parameters: ConnectionParameters, purpose: Purpose, origin: Origin, name: str, tools: Path | None
) -> None:
    found = await asyncio.to_thread(clone_tools.find_tools, tools, origin.version // _MAJOR)
    async with session(parameters, purpose) as opened:
        await clone.create_empty(opened, origin, name)
        here = Address(opened.reached, opened.password)
    there = Address({**here.keywords, "dbname": name}, here.password)
    await clone_tools.copy(found, here, there, with_owners=origin.superuser)
