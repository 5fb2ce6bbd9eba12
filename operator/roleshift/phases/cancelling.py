"""A rollback that was asked for before anything was committed to the target: remove the backups, end."""

from roleshift.engine.outcome import Extent, Outcome, Undo
from roleshift.errors import Reason
from roleshift.phases import archiving
from roleshift.phases.context import Context
from roleshift.postgres import fence, image


async def run(context: Context) -> Outcome:
    """Remove archive and image, where there are any; the target was never written."""
    if context.run.archive is not None:
        await archiving.remove(context)
    if context.run.image is not None:
        async with context.work.transaction(context.timeouts):
            await fence.check_epoch(context.work, context.run)
            await image.drop(context.work, context.run, context.run.image.name)
    return Undo(Reason.ROLLED_BACK_ON_REQUEST, "nothing had been written to the table", Extent.UNCOMMITTED)
