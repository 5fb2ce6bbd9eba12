"""A restore from where the table notes its old roles; the other session compares these with the image."""

import asyncio

from roleshift.engine.run import Image
from roleshift.errors import RoleshiftError
from roleshift.phases.context import Context
from roleshift.phases.meanwhile import meanwhile
from roleshift.phases.proving import Proof
from roleshift.postgres import noted_roles
from roleshift.postgres.restore import Restoration, Restored
from roleshift.postgres.session import Access, Isolation


class _Disagreement(Exception):
    """Leaves the savepoint of a restore from notes that are not what the image has."""


async def restored_from_notes(
    context: Context, what: Restoration, kept: Image, proof: Proof
) -> Restored | None:
    """What was restored of an untouched table; None, with nothing restored, where its notes don't do.

    A rehearsal has one session only, and does without.

    Args:
        proof: of the image, which the other session is busy with at first.
    """
    if proof is None or not await noted_roles.may_do(context.work, what):
        return None
    try:
        async with context.work.savepoint():
            restored = await _restored(context, what, kept, proof)
    except _Disagreement:
        return None
    context.rows_done(restored.rows, kept.rows)
    return restored


async def _agree(context: Context, what: Restoration, kept: Image, proof: asyncio.Task[None]) -> bool:
    await asyncio.wait([proof])
    async with context.control.transaction(context.timeouts, Isolation.READ_COMMITTED, Access.READ_ONLY):
        return await noted_roles.agree(context.control, what, kept.rows)


async def _restored(context: Context, what: Restoration, kept: Image, proof: asyncio.Task[None]) -> Restored:
    """Notes that differ may not even be roles: then that, and not what failed, is what counts."""
    async with meanwhile(_agree(context, what, kept, proof)) as comparison:
        try:
            restored = await noted_roles.restore(context.work, what, kept.rows)
            if await comparison:
                return restored
        except RoleshiftError:
            if await comparison:
                raise
    raise _Disagreement
