"""The page of safety checks: what each looks at, what it weighs, what it can't see, and the gate."""

from itertools import groupby

from roleshift.api.safety import NEVER_WAIVED
from roleshift.checks.catalogue import CATALOGUE, Check
from roleshift.checks.explained import EXPLANATIONS
from roleshift.engine.checks import WEIGHTS

_HEAD = """# Safety checks

{number} checks are made before anything is written. Each comes to Passed, Warning, Failed, Unknown (its probe
could not tell) or Waived; `roleshift check -f rolemigration.yaml` makes them without a cluster.

Score = 100 × (weight of Passed + half the weight of Warning and Waived) / weight of all, {total} in all,
rounded down; weights: {weights}. The gate is open when no Critical check is Failed or Unknown and the
score is at least `spec.checks.minimumScore`. A check that fails is accepted for a time by a waiver
(`spec.checks.waivers`: check, reason, expires); those in bold can't be waived.
"""

_COLUMNS = "| Check | Severity | Looks at | Can't see |\n|---|---|---|---|\n"


def page() -> str:
    """A table for each category."""
    weights = ", ".join(f"{severity} {weight}" for severity, weight in WEIGHTS.items())
    total = sum(WEIGHTS[check.severity] for check in CATALOGUE)
    parts = [_HEAD.format(number=len(CATALOGUE), total=total, weights=weights)]
    for category, checks in groupby(CATALOGUE, lambda check: check.category):
        rows = "".join(map(_row, checks))
        parts.append(f"\n## {category}\n\n{_COLUMNS}{rows}")
    return "".join(parts)


def _row(check: Check) -> str:
    explained = EXPLANATIONS[check.name]
    name = f"**{check.name}**" if check.name in NEVER_WAIVED else str(check.name)
    return f"| {name} | {check.severity} | {explained.looks_at} | {explained.blind_to} |\n"
