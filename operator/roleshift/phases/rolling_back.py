"""RollingBack: the old roles come back from the image, by row and by value, in one transaction."""

from dataclasses import replace

from roleshift.api import OnConflict, Phase, RollbackResult
from roleshift.engine.outcome import Advance, Outcome
from roleshift.engine.run import Image, LogOutcome, RollbackRecord
from roleshift.errors import DatabaseError, Reason, RoleshiftError
from roleshift.phases import archiving, noting, proving
from roleshift.phases.context import Context
from roleshift.phases.proving import Proof
from roleshift.phases.restoration import restoration
from roleshift.postgres import fence, image, ledger, restore, rollback_log, write
from roleshift.postgres.restore import Restoration, Restored
from roleshift.postgres.rollback_log import RollbackFigures


async def run(context: Context) -> Outcome:
    """Restore what the run wrote; spec.rollback.onConflict says what becomes of roles changed since."""
    if not _is_restored(context):
        try:
            await _restore(context)
        except DatabaseError as error:
            await _recover(context, error)
            await _restore(context)
    record = await _record_of(context)
    await ledger.record(context.control, context.run, ledger.Documents(rollback=record))
    return Advance(_summary(record))


def _is_restored(context: Context) -> bool:
    return any(e.step is Phase.ROLLING_BACK and e.outcome is LogOutcome.SUCCEEDED for e in context.run.log)


async def _recover(context: Context, error: DatabaseError) -> None:
    """Make a damaged image anew from its archive.

    Raises:
        DatabaseError: the error was another one, or the archive is no better, or there is none.
        StoreError: the store can't be asked.
    """
    there_is_none = context.run.archive is None or context.store is None
    if error.reason is not Reason.BACKUP_DAMAGED or there_is_none:
        raise error
    try:
        await archiving.recover(context)
    except RoleshiftError as worse:
        if worse.retryable:
            raise
        raise DatabaseError(Reason.BACKUP_DAMAGED, f"{error.message}; {worse.message}") from worse


async def _restore(context: Context) -> None:
    """One transaction; of one that Fail ends, only the log stays.

    Raises:
        DatabaseError: RolesChangedSince; nothing was restored.
    """
    async with context.work.transaction(context.timeouts):
        kept = await _held_image(context)
        async with proving.proved_meanwhile(context, kept) as proof:
            what = await restore.begin(context.work, await restoration(context, kept))
            restored = await _restored(context, what, kept, proof)
        if restored is not None:
            await _log(context, what, restored)
    if restored is None:
        await _refuse(context)


async def _held_image(context: Context) -> Image:
    """The image, with table and image locked against other writers."""
    kept = context.run.image
    if kept is None or context.run.write is None:
        raise DatabaseError(Reason.BACKUP_DAMAGED, "the ledger has no image or no write for this run")
    if kept.removed_at is not None:
        removed = f"{kept.removed_at:%Y-%m-%d %H:%M} UTC"
        raise DatabaseError(
            Reason.BACKUP_DAMAGED, f"the image was removed at {removed}: {kept.removal_reason}"
        )
    await fence.check_epoch(context.work, context.run)
    await write.lock(context.work, context.plan.shape)
    await image.lock(context.work, kept.name)
    return kept


async def _restored(context: Context, what: Restoration, kept: Image, proof: Proof) -> Restored | None:
    """What was restored; None where roles were changed since and that ends the rollback."""

    def rows_done(done: int) -> None:
        context.rows_done(done, kept.rows)

    if await restore.is_untouched(context.work, what, kept.rows):
        noted = await noting.restored_from_notes(context, what, kept, proof)
        return noted or await restore.restore_untouched(context.work, what, kept.rows, rows_done)
    conflicts = await restore.log_conflicts(context.work, what)
    if conflicts.left_as_is and context.spec.rollback.on_conflict is OnConflict.FAIL:
        figures = RollbackFigures(0, conflicts.left_as_is, kept.rows)
        message = f"nothing was restored: {conflicts.left_as_is} rows were changed since"
        await rollback_log.log_result(context.work, context.run, figures, OnConflict.FAIL, message)
        return None
    return await restore.restore_touched(context.work, what, conflicts, rows_done)


async def _log(context: Context, what: Restoration, restored: Restored) -> None:
    summary = _line(what, restored)
    conflicts = restored.conflicts.left_as_is + restored.conflicts.overwritten
    figures = RollbackFigures(restored.rows, conflicts, restored.remaining)
    on_conflict = context.spec.rollback.on_conflict
    await rollback_log.log_result(context.work, context.run, figures, on_conflict, summary)
    await ledger.append(
        context.work,
        context.run,
        ledger.LogLine(
            Phase.ROLLING_BACK,
            LogOutcome.SUCCEEDED,
            started_at=context.run.phase_started_at,
            rows=restored.rows,
            kind="UPDATE",
            message=summary,
        ),
    )


def _line(what: Restoration, restored: Restored) -> str:
    over = f", {restored.conflicts.overwritten} of them overwritten" if restored.conflicts.overwritten else ""
    gone = what.way.table.gone
    without = f"; without {', '.join(gone)}, which the table has no more" if gone else ""
    return (
        f"{restored.rows} rows restored{over}, {restored.remaining} left, "
        f"{restored.deleted_since} deleted by others since{without}"
    )


async def _refuse(context: Context) -> None:
    """Record what stands in the way of a rollback that overwrites nothing and skips nothing."""
    record = await _record_of(context)
    await ledger.record(context.control, context.run, ledger.Documents(rollback=replace(record, result=None)))
    raise DatabaseError(
        Reason.ROLES_CHANGED_SINCE,
        f"{record.conflicts} rows were changed after the migration and spec.rollback.onConflict is Fail: "
        f"nothing was restored; {', '.join(record.examples)} are among them, and "
        "roleshift.migration_rollback_log names all; set spec.rollback.onConflict to Skip or Overwrite",
    )


async def _record_of(context: Context) -> RollbackRecord:
    """The rollback as its log has it, so that a crash after the commit loses nothing."""
    result = await rollback_log.last_result(context.control, context.run)
    begun = context.run.rollback or RollbackRecord(Reason.ROLLED_BACK_ON_REQUEST)
    return replace(
        begun,
        result=RollbackResult.PARTIAL if result.remaining else RollbackResult.COMPLETE,
        rows_restored=result.rows_restored,
        conflicts=result.conflicts,
        remaining=result.remaining,
        examples=await rollback_log.conflict_examples(context.control, context.run),
    )


def _summary(record: RollbackRecord) -> str:
    if record.result is RollbackResult.PARTIAL:
        return (
            f"{record.rows_restored} rows restored; {record.remaining} were left because they were changed "
            "or added after the migration: roleshift.migration_rollback_log names them"
        )
    if record.conflicts:
        return (
            f"{record.rows_restored} rows restored and compared with the image; {record.conflicts} of them "
            "were changed after the migration and overwritten: roleshift.migration_rollback_log has what "
            "they held"
        )
    return f"{record.rows_restored} rows restored and compared with the image"
