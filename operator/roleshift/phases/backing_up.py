"""BackingUp: the plan's schema statements, then the before-image, compared with its source."""

from collections.abc import Mapping
from dataclasses import replace

from roleshift.api import Phase
from roleshift.engine.naming import image_name
from roleshift.engine.outcome import Advance, Outcome, Replan
from roleshift.engine.run import LogOutcome
from roleshift.errors import DatabaseError, Reason
from roleshift.phases import archiving, recounting
from roleshift.phases.context import Context
from roleshift.phases.freshness import outdated
from roleshift.phases.measuring import Meter
from roleshift.postgres import comparison, fence, image, ledger, schema_changes
from roleshift.postgres.image import Figures, SourceFigures
from roleshift.postgres.session import Isolation


async def run(context: Context) -> Outcome:
    """Change the schema as planned, then make and verify the image in one transaction."""
    again = None if context.run.image else await outdated(context)
    if again is not None:
        return again
    await change_schema(context)
    if context.run.image is None:
        made = await _make_image(context)
        if not isinstance(made, Advance):
            return made
        context = replace(context, run=await ledger.reloaded(context.control, context.run))
    return await _archived(context)


async def _archived(context: Context) -> Outcome:
    """The image is made and verified; so is its archive, where one is wanted."""
    kept = context.run.image
    assert kept is not None
    done = f"{kept.rows} rows in roleshift.{kept.name}, compared with the table"
    if not archiving.is_wanted(context):
        return Advance(done)
    if context.run.archive is None:
        await archiving.archive(context, kept)
    return Advance(f"{done}, and archived")


async def change_schema(context: Context) -> Outcome:
    """Carry out the plan's schema statements, each in a transaction of its own."""
    changes = context.plan.schema_changes
    for change in changes:
        await schema_changes.apply_schema_change(context.work, context.run, change, context.plan.shape)
    return Advance(f"{len(changes)} schema statements were carried out")


async def _make_image(context: Context) -> Outcome:
    moving = context.moving
    meter = await Meter.before(context, Phase.BACKING_UP)
    async with context.work.transaction(context.timeouts, Isolation.REPEATABLE_READ):
        await fence.check_epoch(context.work, context.run)
        await meter.begin()
        stale = await recounting.stale_because(context)
        if stale:
            return Replan(Reason.PLAN_CHANGED, stale)
        source = await image.source_figures(context.work, moving)
        name = image_name(moving.shape.table, context.run.run_id)
        await image.create(context.work, moving, name)
        found = await image.figures(context.work, moving, name)
        _must_equal(source, found)
        await _record(context, name, found, meter)
    await meter.committed()
    return Advance(f"{found.rows} rows in roleshift.{name}, compared with the table")


def _must_equal(source: SourceFigures, found: Figures) -> None:
    if (source.rows, source.checksum) == (found.rows, found.checksum):
        return
    raise DatabaseError(
        Reason.BACKUP_NOT_VERIFIED,
        f"the image has {found.rows} rows, checksum {found.checksum}; its source {source.rows} rows, "
        f"checksum {source.checksum}: nothing was written; see the server's log, then retry the run",
    )


async def _record(context: Context, name: str, found: Figures, meter: Meter) -> None:
    retention = context.spec.backup.retention_seconds
    references = await references_of(context)
    await image.record(
        context.work, context.run, context.plan.proof.arrived, name, found, references, retention
    )
    await ledger.append(
        context.work,
        context.run,
        ledger.LogLine(
            Phase.BACKING_UP,
            LogOutcome.SUCCEEDED,
            started_at=context.run.phase_started_at,
            rows=found.rows,
            kind="CREATE TABLE AS",
            message=f"{found.rows} rows in roleshift.{name}",
            taken=await meter.taken(),
        ),
    )


async def references_of(context: Context) -> Mapping[str, int]:
    """Rows that refer to nothing already, by name: what the verification must not blame on the run."""
    shape = context.plan.shape
    keys = await comparison.broken_foreign_keys(context.work, shape)
    orphans = await comparison.orphans(context.work, shape, context.spec.target.assignments)
    return {broken.name: broken.rows for broken in (*keys, *orphans)}
