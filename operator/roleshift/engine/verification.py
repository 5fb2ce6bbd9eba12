"""The judgement on a finished write: from counts that were measured to named results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from roleshift.engine.facts.table import RoleFacts
from roleshift.engine.mapping import MinimumHolders, shortfalls


class Verification(StrEnum):
    """What is verified after a write."""

    COMPLETENESS = "Completeness"
    INVALID_ROLES = "InvalidRoles"
    SENIORITY = "Seniority"
    TIMESTAMPS = "TimestampConsistency"
    USER_COUNT = "UserCount"
    ROLE_DISTRIBUTION = "RoleDistribution"
    FOREIGN_KEYS = "ForeignKeys"
    ORPHANS = "Orphans"
    BACKUP_CHECKSUM = "BackupChecksum"
    KEEP_AT_LEAST = "KeepAtLeast"
    ASSERTION = "Assertion"


class Verdict(StrEnum):
    """What a verification found."""

    PASSED = "Passed"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """One verification's answer.

    Attributes:
        name: a `Verification`, or `Assertion/<name>` for the user's own.
    """

    name: str
    verdict: Verdict
    message: str


@dataclass(frozen=True, slots=True)
class RowComparison:
    """The table compared with the image, row by row. All figures are rows.

    Attributes:
        rows: rows of the image.
        not_migrated: rows that the write did not touch.
        wrong_role: rows that the write touched and that hold another role than mapped.
        changed_since, deleted_since: what others did after the commit; reported, no failure.
    """

    rows: int
    not_migrated: int
    wrong_role: int
    wrong_previous_role: int
    wrong_seniority: int
    wrong_timestamp: int
    changed_since: int
    deleted_since: int


@dataclass(frozen=True, slots=True)
class BrokenReference:
    """A foreign key or an assignment table with rows that refer to nothing."""

    name: str
    rows: int


def passed(name: str, message: str) -> VerificationResult:
    """A verification that found nothing wrong."""
    return VerificationResult(name, Verdict.PASSED, message)


def failed(name: str, message: str) -> VerificationResult:
    """A verification that found the write to be wrong."""
    return VerificationResult(name, Verdict.FAILED, message)


def failures(results: Sequence[VerificationResult]) -> tuple[VerificationResult, ...]:
    """The results that failed, in order."""
    return tuple(result for result in results if result.verdict is Verdict.FAILED)


def failure_message(results: Sequence[VerificationResult]) -> str:
    """One line that names every failure."""
    return "; ".join(f"{result.name}: {result.message}" for result in failures(results))


def judge_comparison(comparison: RowComparison) -> tuple[VerificationResult, ...]:
    """Completeness, roles, seniority and timestamps of the rows that the run wrote."""
    since = _since(comparison)
    return (
        _zero(
            Verification.COMPLETENESS,
            comparison.not_migrated,
            f"of {comparison.rows} rows were not migrated",
            f"all {comparison.rows} rows were migrated{since}",
        ),
        _zero(
            Verification.INVALID_ROLES,
            comparison.wrong_role + comparison.wrong_previous_role,
            f"of {comparison.rows} rows do not hold the mapped role and the role before it",
            "every migrated row holds its mapped role",
        ),
        _zero(
            Verification.SENIORITY,
            comparison.wrong_seniority,
            f"of {comparison.rows} rows lack the seniority that the mapping gives",
            "every seniority is as mapped",
        ),
        _zero(
            Verification.TIMESTAMPS,
            comparison.wrong_timestamp,
            f"of {comparison.rows} rows do not carry the run's timestamp",
            "every migrated row carries the run's timestamp",
        ),
    )


def _since(comparison: RowComparison) -> str:
    parts = []
    if comparison.changed_since:
        parts.append(f"{comparison.changed_since} changed by others since")
    if comparison.deleted_since:
        parts.append(f"{comparison.deleted_since} deleted by others since")
    return f" ({', '.join(parts)})" if parts else ""


def _zero(name: Verification, count: int, bad: str, good: str) -> VerificationResult:
    return failed(name, f"{count} {bad}") if count else passed(name, good)


def judge_distribution(
    before: RoleFacts, expected: Mapping[str, int], after: RoleFacts, merged: int
) -> tuple[VerificationResult, ...]:
    """User count and role distribution inside the writing transaction, where both must be exact.

    Args:
        merged: rows that Merge removed.
    """
    return (_user_count(before, after, merged), _role_distribution(expected, after))


def _user_count(before: RoleFacts, after: RoleFacts, merged: int) -> VerificationResult:
    name = Verification.USER_COUNT
    removed = f", {merged} merged into others" if merged else ""
    if before.total - merged != after.total:
        return failed(name, f"{before.total} rows before the write{removed}, {after.total} after it")
    if merged:
        return passed(name, f"{before.total} rows before{removed}, {after.total} after it")
    return passed(name, f"{after.total} rows before and after")


def _role_distribution(expected: Mapping[str, int], after: RoleFacts) -> VerificationResult:
    name = Verification.ROLE_DISTRIBUTION
    roles = sorted(set(expected) | set(after.rows))
    off = [
        f"{role}: {after.rows.get(role, 0)} instead of {expected.get(role, 0)}"
        for role in roles
        if after.rows.get(role, 0) != expected.get(role, 0)
    ]
    if off:
        return failed(name, "rows by role differ from the plan: " + ", ".join(off[:5]))
    return passed(name, f"{len(roles)} roles hold the planned number of rows")


def judge_minimums(rows: Mapping[str, int], minimums: Sequence[MinimumHolders]) -> VerificationResult:
    """Whether every role of `keepAtLeast` still has its holders."""
    short = shortfalls(rows, minimums)
    if short:
        text = ", ".join(f"{s.role}: {s.left} left, {s.demanded} demanded" for s in short)
        return failed(Verification.KEEP_AT_LEAST, text)
    return passed(Verification.KEEP_AT_LEAST, f"{len(minimums)} demands hold")


def judge_references(
    name: Verification, broken: Sequence[BrokenReference], allowed: Mapping[str, int]
) -> VerificationResult:
    """Whether more rows than before the run refer to nothing.

    Args:
        allowed: what was broken before the run already, by name.
    """
    worse = [b for b in broken if b.rows > allowed.get(b.name, 0)]
    if worse:
        text = ", ".join(f"{b.name}: {b.rows} (before: {allowed.get(b.name, 0)})" for b in worse)
        return failed(name, f"rows that refer to nothing: {text}")
    return passed(name, "no row refers to nothing that was not broken before")


def judge_checksum(expected: tuple[int, str], found: tuple[int, str]) -> VerificationResult:
    """Whether the image still is what was recorded; figures are rows and checksum."""
    name = Verification.BACKUP_CHECKSUM
    if expected != found:
        return failed(
            name,
            f"the image has {found[0]} rows, checksum {found[1]}; "
            f"recorded were {expected[0]} rows, {expected[1]}",
        )
    return passed(name, f"{found[0]} rows, checksum {found[1]}")


MAX_ANSWER_CHARACTERS = 64


def judge_assertion(name: str, expected: str, found: str | None) -> VerificationResult:
    """A user's assertion; `found` is the value as text, None for NULL, which equals no text.

    What the message repeats of it is cut to what status may show.
    """
    title = f"{Verification.ASSERTION}/{name}"
    if found is None:
        return failed(title, f"expected {expected!r}, got NULL")
    shown = repr(found[:MAX_ANSWER_CHARACTERS]) + ("…" if len(found) > MAX_ANSWER_CHARACTERS else "")
    if found != expected:
        return failed(title, f"expected {expected!r}, got {shown}")
    return passed(title, f"got {shown}")
