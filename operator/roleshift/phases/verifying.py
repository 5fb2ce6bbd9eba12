"""The verification of a write: measured here, judged by the engine. Used before the commit and after it."""

from collections.abc import Iterable

from roleshift.engine.run import Image, WriteRecord
from roleshift.engine.verification import (
    Distribution,
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
from roleshift.postgres import assertions, comparison, image
from roleshift.postgres.mapping_params import MappingArrays


def mapping_of(context: Context) -> MappingArrays:
    """The whole mapping of the manifest; cells that nobody held may have got rows since."""
    mappings = context.spec.mappings
    return MappingArrays(
        [m.from_role for m in mappings], [m.to_role for m in mappings], [m.seniority for m in mappings]
    )


async def before_commit(
    context: Context, name: str, write: WriteRecord, before: Distribution, expected: dict[str, int]
) -> tuple[VerificationResult, ...]:
    """Every verification, inside the writing transaction, where nobody else can have written."""
    after = await comparison.distribution(context.work, context.plan.shape)
    return (
        *judge_comparison(await _compare(context, name, write)),
        *judge_distribution(before, expected, after),
        *await _references(context),
        judge_minimums(after.rows, context.spec.privileges.keep_at_least),
        *await _assertions(context),
    )


async def after_commit(context: Context, kept: Image, write: WriteRecord) -> tuple[VerificationResult, ...]:
    """Every verification that still can be judged once others write again, and the image's checksum."""
    shape = context.plan.shape
    after = await comparison.distribution(context.work, shape)
    figures = await image.figures(context.work, shape, kept.name)
    return (
        *judge_comparison(await _compare(context, kept.name, write)),
        *await _references(context),
        judge_checksum((kept.rows, kept.checksum), (figures.rows, figures.checksum)),
        judge_minimums(after.rows, context.spec.privileges.keep_at_least),
        *await _assertions(context),
    )


async def _compare(context: Context, name: str, write: WriteRecord) -> RowComparison:
    return await comparison.compare(context.work, context.plan.shape, name, mapping_of(context), write)


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
