"""Proves an image unaltered on the one session while the other works from it.

Two passes take the time of one. The image is locked against writers meanwhile, and what was done
from one that was altered is rolled back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from roleshift.engine.run import Image
from roleshift.errors import DatabaseError, Reason, RoleshiftError
from roleshift.phases.context import Context
from roleshift.phases.meanwhile import meanwhile
from roleshift.postgres import image
from roleshift.postgres.session import Access, Isolation

Proof = asyncio.Task[None] | None
"""The proof while it is under way on the other session; None where it was made before."""


@asynccontextmanager
async def proved_meanwhile(context: Context, kept: Image) -> AsyncIterator[Proof]:
    """Let the block work from the image; at its end, the image is proved to be what the ledger knows.

    A rehearsal has one session only, and proves it first.

    Raises:
        DatabaseError: BackupDamaged, also in the place of what a damaged image led to in the block.
    """
    if context.control is context.work:
        await _prove(context, kept)
        yield None
        return
    async with meanwhile(_prove(context, kept)) as proof:
        try:
            yield proof
        except RoleshiftError:
            await proof
            raise
        await proof


async def _prove(context: Context, kept: Image) -> None:
    async with context.control.transaction(context.timeouts, Isolation.READ_COMMITTED, Access.READ_ONLY):
        found = await image.figures(context.control, context.moving, kept.name)
    if (found.rows, found.checksum) != (kept.rows, kept.checksum):
        raise DatabaseError(
            Reason.BACKUP_DAMAGED,
            f"the image roleshift.{kept.name} has {found.rows} rows, checksum {found.checksum}; "
            f"recorded were {kept.rows} rows, {kept.checksum}: nothing was restored from it",
        )
