"""RollingBack: the old roles come back from the image, by row and by value, in one transaction."""

from dataclasses import replace

from roleshift.api import Phase, RollbackResult
from roleshift.engine.mapping import reversed_routes
from roleshift.engine.outcome import Advance, Outcome
from roleshift.engine.run import Image, LogOutcome, RollbackRecord
from roleshift.errors import DatabaseError, Reason
from roleshift.phases.context import Context
from roleshift.postgres import fence, image, ledger, restore, write
from roleshift.postgres.restore import Restoration


async def run(context: Context) -> Outcome:
    """Restore what the run wrote; rows that somebody changed since are reported and left."""
    if not _is_restored(context):
        async with context.work.transaction(context.timeouts):
            await _restore(context)
    record = await _record_of(context)
    await ledger.record(context.control, context.run, ledger.Documents(rollback=record))
    return Advance(_summary(record))


def _is_restored(context: Context) -> bool:
    return any(e.step is Phase.ROLLING_BACK and e.outcome is LogOutcome.SUCCEEDED for e in context.run.log)


async def _restore(context: Context) -> None:
    kept = context.run.image
    if kept is None or context.run.write is None:
        raise DatabaseError(Reason.BACKUP_DAMAGED, "the ledger has no image or no write for this run")
    await fence.check_epoch(context.work, context.run)
    await write.lock(context.work, context.plan.shape)
    await _must_be_intact(context, kept)
    what = await restore.begin(context.work, _restoration(context, kept))
    conflicts = await restore.log_conflicts(context.work, what)
    restored = await restore.restore_rows(context.work, what, lambda done: context.rows_done(done, kept.rows))
    born = await restore.restore_born(context.work, what)
    await write.fire_deferred(context.work)
    verified = await restore.verify(context.work, what)
    if verified.not_restored != conflicts:
        raise DatabaseError(
            Reason.ROWS_SWALLOWED,
            f"{verified.not_restored - conflicts} rows are not as in the image after the restore; the "
            "transaction was rolled back: look for triggers on the table that change or swallow updates",
        )
    await _log(context, restored + born, conflicts, verified)


async def _must_be_intact(context: Context, kept: Image) -> None:
    found = await image.figures(context.work, context.moving, kept.name)
    if (found.rows, found.checksum) != (kept.rows, kept.checksum):
        raise DatabaseError(
            Reason.BACKUP_DAMAGED,
            f"the image roleshift.{kept.name} has {found.rows} rows, checksum {found.checksum}; "
            f"recorded were {kept.rows} rows, {kept.checksum}: nothing was restored from it",
        )


def _restoration(context: Context, kept: Image) -> Restoration:
    moving, mappings = context.moving, context.spec.mappings
    sources = {m.from_role for m in mappings}
    new = [m.to_role for m in mappings if m.to_role not in sources and m.to_role not in kept.arrived]
    routes = {} if moving.shape.is_array else reversed_routes(context.plan.proof.cells, kept.arrived)
    stored = moving.shape.stored
    return Restoration(
        run=context.run,
        moving=moving,
        image=kept.name,
        reversed_routes={stored.get(to, to): stored.get(old, old) for to, old in routes.items()},
        new_only=tuple(dict.fromkeys(stored.get(role, role) for role in new)),
    )


async def _log(context: Context, restored: int, conflicts: int, verified: restore.Verified) -> None:
    left = conflicts + verified.born_left
    summary = f"{restored} rows restored, {left} left, {verified.deleted_since} deleted by others since"
    await restore.log_rollback(
        context.work,
        context.run,
        restore.RollbackLine(
            kind="Result",
            message=summary,
            requested_by=context.run.rollback_requested_by,
            rows_restored=restored,
            conflicts=conflicts,
            remaining=left,
        ),
    )
    await ledger.append(
        context.work,
        context.run,
        ledger.LogLine(
            Phase.ROLLING_BACK,
            LogOutcome.SUCCEEDED,
            started_at=context.run.phase_started_at,
            rows=restored,
            kind="UPDATE",
            message=summary,
        ),
    )


async def _record_of(context: Context) -> RollbackRecord:
    """The rollback as its log has it, so that a crash after the commit loses nothing."""
    result = await restore.last_result(context.control, context.run)
    begun = context.run.rollback or RollbackRecord(Reason.ROLLED_BACK_ON_REQUEST)
    return replace(
        begun,
        result=RollbackResult.PARTIAL if result.remaining else RollbackResult.COMPLETE,
        rows_restored=result.rows_restored,
        conflicts=result.conflicts,
        remaining=result.remaining,
        examples=await restore.conflict_examples(context.control, context.run),
    )


def _summary(record: RollbackRecord) -> str:
    if record.result is RollbackResult.PARTIAL:
        return (
            f"{record.rows_restored} rows restored; {record.remaining} were left because they were changed "
            "or added after the migration: roleshift.migration_rollback_log names them"
        )
    return f"{record.rows_restored} rows restored and compared with the image"
