"""The verification of a write: measured here, judged by the engine. Used before the commit and after it."""

from collections.abc import Iterable
from dataclasses import replace

from roleshift.engine.facts.table import RoleFacts
from roleshift.engine.run import Image, WriteRecord
from roleshift.engine.verification import (
    RowComparison,
    Verification,
    VerificationResult,
    judge_checksum,
    judge_comparison,
    judge_distribution,
    judge_minimums,
    judge_references,
)
from roleshift.phases.context import Context
from roleshift.phases.recounting import Recount, demanded
from roleshift.postgres import assertions, comparison, image, role_counts


async def before_commit(
    context: Context, name: str, write: WriteRecord, before: Recount
) -> tuple[VerificationResult, ...]:
    """Every verification, inside the writing transaction, where nobody else can have written."""
    after = await _roles(context)
    compared = await _compare(context, name, write)
    missing = compared.not_migrated + compared.deleted_since
    return (
        *judge_comparison(replace(compared, not_migrated=missing, deleted_since=0)),
        *judge_distribution(before.roles, before.proof.after, after, before.merged),
        *await _references(context),
        judge_minimums(after.rows, demanded(context, before.proof)),
        *await _assertions(context),
    )


async def after_commit(context: Context, kept: Image, write: WriteRecord) -> tuple[VerificationResult, ...]:
    """Every verification that still can be judged once others write again, and the image's checksum."""
    after = await _roles(context)
    figures = await image.figures(context.work, context.moving, kept.name)
    return (
        *judge_comparison(await _compare(context, kept.name, write)),
        *await _references(context),
        judge_checksum((kept.rows, kept.checksum), (figures.rows, figures.checksum)),
        judge_minimums(after.rows, demanded(context, context.plan.proof)),
        *await _assertions(context),
    )


async def _roles(context: Context) -> RoleFacts:
    lookup = await role_counts.look_up(context.work, context.spec.target.lookup)
    return await role_counts.count_roles(context.work, context.moving, lookup)


async def _compare(context: Context, name: str, write: WriteRecord) -> RowComparison:
    return await comparison.compare(context.work, context.plan.shape, name, write)


async def _references(context: Context) -> tuple[VerificationResult, ...]:
    shape = context.plan.shape
    allowed = context.run.image.references if context.run.image else {}
    keys = await comparison.broken_foreign_keys(context.work, shape)
    orphans = await comparison.orphans(context.work, shape, context.spec.target.assignments)
    return (
        judge_references(Verification.FOREIGN_KEYS, keys, allowed),
        judge_references(Verification.ORPHANS, orphans, allowed),
    )


async def _assertions(context: Context) -> list[VerificationResult]:
    wanted = context.spec.validation.assertions
    return [await assertions.run_assertion(context.work, assertion) for assertion in wanted]


def overlaid(
    older: Iterable[VerificationResult], newer: Iterable[VerificationResult]
) -> tuple[VerificationResult, ...]:
    """Results by name, the newer one of each; what only the older have stays."""
    merged = {result.name: result for result in older}
    merged.update({result.name: result for result in newer})
    return tuple(merged.values())
