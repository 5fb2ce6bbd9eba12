"""Validating: the committed table against its image, and the image against what was recorded of it."""

from collections.abc import Sequence

from roleshift.api import RollbackPolicy
from roleshift.engine.decisions import ways_out
from roleshift.engine.outcome import Advance, Extent, Outcome, Undo, Wait
from roleshift.engine.verification import Verification, VerificationResult, failure_message, failures
from roleshift.errors import DatabaseError, Reason
from roleshift.phases import archiving, tidying, verifying
from roleshift.phases.context import Context
from roleshift.postgres import ledger
from roleshift.postgres.ranges import make_room
from roleshift.postgres.session import Access, Isolation


async def run(context: Context) -> Outcome:
    """Verify in one read-only snapshot; what others changed since is counted and is no failure."""
    kept, written = context.run.image, context.run.write
    if kept is None or written is None:
        raise DatabaseError(Reason.BACKUP_DAMAGED, "the ledger has no image or no write for this run")
    try:
        async with (
            tidying.tidied_meanwhile(context),
            context.work.transaction(context.timeouts, Isolation.REPEATABLE_READ, Access.READ_ONLY),
        ):
            await make_room(context.work)
            results = await verifying.after_commit(context, kept, written)
    except DatabaseError as error:
        if error.reason is not Reason.BACKUP_DAMAGED:
            raise
        return _ask(context, f"{error.reason}: {error.message}")
    merged = verifying.overlaid(context.run.verification, results)
    await ledger.record(context.control, context.run, ledger.Documents(verification=merged))
    if _comes_back_by_itself(context, results):
        return Undo(Reason.VALIDATION_FAILED, failure_message(results), Extent.COMMITTED)
    await archiving.append_delta(context)
    if failures(results):
        return _ask(context, failure_message(results))
    return Advance(f"{written.rows} rows migrated; {len(merged)} verifications passed")


def _comes_back_by_itself(context: Context, results: Sequence[VerificationResult]) -> bool:
    """Automatic brings the old roles back after a failure, but not from a backup that is damaged."""
    found = {result.name for result in failures(results)}
    automatic = context.spec.rollback.policy is RollbackPolicy.AUTOMATIC
    return automatic and bool(found) and Verification.BACKUP_CHECKSUM not in found


def _ask(context: Context, message: str) -> Wait:
    return Wait(Reason.AWAITING_DECISION, f"{message}; a person decides: {ways_out(context.run)}")
