"""Vacuums and analyses the migrated table while it is verified, on the other session: it takes no time.

Every row has left a dead version, and the planner knows the old roles only: autovacuum comes minutes later.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from roleshift.errors import RoleshiftError
from roleshift.phases.context import Context
from roleshift.phases.meanwhile import meanwhile
from roleshift.postgres import write


@asynccontextmanager
async def tidied_meanwhile(context: Context) -> AsyncIterator[None]:
    """Let the block verify; a VACUUM that fails, or is not allowed, is no failure of the run.

    It is given up when the block fails. A rehearsal, which commits nothing, has nothing to tidy.
    """
    if context.control is context.work:
        yield
        return
    async with meanwhile(write.vacuum(context.control, context.plan.shape)) as vacuum:
        yield
        with suppress(RoleshiftError):
            await vacuum
