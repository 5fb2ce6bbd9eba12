"""Migrating, strategy Transaction: lock, refresh the image, write, verify, commit. All or nothing."""

from dataclasses import replace

from roleshift.api import Phase
from roleshift.engine.cost import Taken
from roleshift.engine.mapping import MappingProof
from roleshift.engine.outcome import Advance, Extent, Outcome, Replan, Undo
from roleshift.engine.run import Image, LogOutcome, WriteRecord
from roleshift.engine.verification import VerificationResult, failure_message, failures
from roleshift.errors import DatabaseError, Reason
from roleshift.phases import collisions, describing, recounting, verifying
from roleshift.phases.context import Context
from roleshift.phases.freshness import outdated
from roleshift.phases.measuring import Meter
from roleshift.postgres import fence, image, ledger, write


class _RollBack(Exception):
    """Leaves the writing transaction without a commit."""

    def __init__(self, outcome: Outcome, results: tuple[VerificationResult, ...] = ()) -> None:
        super().__init__()
        self.outcome = outcome
        self.results = results


async def run(context: Context) -> Outcome:
    """Write every row in one transaction, verified before it commits."""
    if context.run.write is not None:
        return Advance(f"{context.run.write.rows} rows were written before")
    try:
        await _must_be_fresh(context)
        meter = await Meter.before(context, Phase.MIGRATING)
        async with context.work.transaction(context.timeouts):
            written, results = await _write(context, meter)
    except _RollBack as rolled_back:
        await _remember(context, rolled_back.results)
        return rolled_back.outcome
    except DatabaseError as error:
        again = await collisions.appeared(context, error)
        if again is None:
            raise
        return again
    await meter.committed()
    await _remember(context, results)
    return Advance(f"{written.rows} rows written and verified")


async def _remember(context: Context, results: tuple[VerificationResult, ...]) -> None:
    if results:
        await ledger.record(context.control, context.run, ledger.Documents(verification=results))


async def _write(context: Context, meter: Meter) -> tuple[WriteRecord, tuple[VerificationResult, ...]]:
    shape = context.plan.shape
    await fence.check_epoch(context.work, context.run)
    await write.lock(context.work, shape)
    await meter.begin()
    await _must_be_fresh(context)
    await _must_be_the_same_table(context)
    kept = await _fresh_image(context)
    before = await recounting.recount(context, kept.name)
    if isinstance(before, str):
        raise _RollBack(Replan(Reason.PLAN_CHANGED, before))
    kept = await _recorded(context, kept, before.proof)
    async with meter.working():
        written = await write.write_rows(
            context.work, shape, kept.name, lambda done: context.rows_done(done, kept.rows)
        )
    _must_have_written(context, kept, written)
    await write.fire_deferred(context.work)
    results = await verifying.before_commit(context, kept.name, written, before)
    if failures(results):
        raise _RollBack(_validation_failed(results), results)
    await describing.describe(context, kept, written)
    await _announce(context, written, await meter.taken())
    return written, results


async def _must_be_fresh(context: Context) -> None:
    again = await outdated(context)
    if again is not None:
        raise _RollBack(again)


async def _must_be_the_same_table(context: Context) -> None:
    shape = context.plan.shape
    if await write.named_oid(context.work, shape) != shape.oid:
        changed = f"{shape.display_name} is another table than the one that was checked"
        raise _RollBack(Replan(Reason.PLAN_CHANGED, changed))


async def _fresh_image(context: Context) -> Image:
    """The image, proved unaltered and brought up to date with the locked table."""
    recorded, moving = context.run.image, context.moving
    if recorded is None:
        raise DatabaseError(
            Reason.BACKUP_DAMAGED, "the ledger has no image for this run; nothing was written"
        )
    found = await image.figures(context.work, moving, recorded.name)
    if (found.rows, found.checksum) != (recorded.rows, recorded.checksum):
        raise DatabaseError(
            Reason.BACKUP_DAMAGED,
            f"the image roleshift.{recorded.name} was altered since it was verified; nothing was written: "
            "find out who writes to the schema roleshift, then retry the run",
        )
    keeps_keys = context.run.archive is not None
    if (await image.refresh(context.work, moving, recorded.name, keeps_keys=keeps_keys)).any:
        found = await image.figures(context.work, moving, recorded.name)
    return replace(recorded, rows=found.rows, bytes=found.bytes, checksum=found.checksum)


async def _recorded(context: Context, kept: Image, proof: MappingProof) -> Image:
    """The image with its entry in the catalogue brought up to date."""
    kept = replace(kept, arrived=tuple(sorted(proof.arrived)))
    if kept != context.run.image:
        await image.update_record(context.work, kept)
    return kept


def _must_have_written(context: Context, kept: Image, written: WriteRecord) -> None:
    if written.rows == kept.rows:
        return
    triggers = context.plan.shape.triggers
    suspects = f"triggers that may have swallowed rows: {', '.join(triggers)}" if triggers else "no triggers"
    message = (
        f"{written.rows} of {kept.rows} rows were written ({suspects}); the transaction was rolled back: "
        "disable or mend the trigger, then retry the run"
    )
    raise _RollBack(Undo(Reason.ROWS_SWALLOWED, message, Extent.UNCOMMITTED))


def _validation_failed(results: tuple[VerificationResult, ...]) -> Undo:
    message = f"the transaction was rolled back, nothing was changed: {failure_message(results)}"
    return Undo(Reason.VALIDATION_FAILED, message, Extent.UNCOMMITTED)


async def _announce(context: Context, written: WriteRecord, taken: Taken) -> None:
    """Log the result in the writing transaction, and the coming COMMIT outside it."""
    await ledger.append(
        context.work,
        context.run,
        ledger.LogLine(
            Phase.MIGRATING,
            LogOutcome.SUCCEEDED,
            started_at=context.run.phase_started_at,
            rows=written.rows,
            kind="UPDATE",
            message=f"{written.rows} rows written",
            xid=written.xid,
            written_at=written.written_at,
            taken=taken,
        ),
    )
    await ledger.append(
        context.control,
        context.run,
        ledger.LogLine(Phase.MIGRATING, LogOutcome.COMMITTING, kind="COMMIT", xid=written.xid),
    )
