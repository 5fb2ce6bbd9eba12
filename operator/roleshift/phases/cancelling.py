"""A rollback that was asked for before anything was committed to the target: drop the image, end."""

from roleshift.engine.outcome import Extent, Outcome, Undo
from roleshift.errors import Reason
from roleshift.phases.context import Context
from roleshift.postgres import fence, image


async def run(context: Context) -> Outcome:
    """Drop the image, where there is one; the target was never written."""
    if context.run.image is not None:
        async with context.work.transaction(context.timeouts):
            await fence.check_epoch(context.work, context.run)
            await image.drop(context.work, context.run, context.run.image.name)
    return Undo(Reason.ROLLED_BACK_ON_REQUEST, "nothing had been written to the table", Extent.UNCOMMITTED)
