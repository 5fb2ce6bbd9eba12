"""Validating: the committed table against its image, and the image against what was recorded of it."""

from roleshift.engine.outcome import Advance, Extent, Outcome, Undo
from roleshift.engine.verification import failure_message, failures
from roleshift.errors import DatabaseError, Reason
from roleshift.phases import verifying
from roleshift.phases.context import Context
from roleshift.postgres import ledger
from roleshift.postgres.session import Access, Isolation


async def run(context: Context) -> Outcome:
    """Verify in one read-only snapshot; what others changed since is counted and is no failure."""
    kept, written = context.run.image, context.run.write
    if kept is None or written is None:
        raise DatabaseError(Reason.BACKUP_DAMAGED, "the ledger has no image or no write for this run")
    async with context.work.transaction(context.timeouts, Isolation.REPEATABLE_READ, Access.READ_ONLY):
        results = await verifying.after_commit(context, kept, written)
    merged = verifying.overlaid(context.run.verification, results)
    await ledger.record(context.control, context.run, ledger.Documents(verification=merged))
    if failures(results):
        return Undo(Reason.VALIDATION_FAILED, failure_message(results), Extent.COMMITTED)
    return Advance(f"{written.rows} rows migrated; {len(merged)} verifications passed")
