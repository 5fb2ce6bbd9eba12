"""One look at a database, and which of its checks fell."""

from datetime import UTC, datetime

from localenv.database import Database
from roleshift.api import RoleMigrationSpec
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Judgement
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.phases.examination import Examination, examine
from support.run_phases import session_on, spec_of

ORDER = ["developer", "junior_dev", "senior_dev", "lead", "manager", "admin"]
"""Weakest first; the sample mapping makes nobody stronger by it."""
JUDGED = {"order": ORDER}


UNSEEN = {
    CheckName.BACKUP_SPACE: CheckResult.WARNING,
    CheckName.RECENT_BACKUP: CheckResult.UNKNOWN,
    CheckName.MEMORY: CheckResult.UNKNOWN,
    CheckName.CPU: CheckResult.UNKNOWN,
}
"""What a plain role can't be told by the tests' server, and what no limit was given for."""


async def look(
    database: Database,
    spec: RoleMigrationSpec | None = None,
    *,
    uri: str = "",
    surroundings: Surroundings | None = None,
) -> Examination:
    """Examine a database for a manifest, as its owner or with another URI."""
    wanted = spec or spec_of(privileges=JUDGED)
    reading, trying = [await session_on(uri or database.uri) for _ in range(2)]
    try:
        return await examine(wanted, reading, trying, surroundings or now())
    finally:
        await reading.close()
        await trying.close()


def now() -> Surroundings:
    """Nothing but the time."""
    return Surroundings(datetime.now(UTC))


def fallen(found: Examination) -> dict[CheckName, CheckResult]:
    """Every check that did not pass, with what it came to; UNSEEN are left out."""
    return {
        one.name: one.result
        for one in found.findings
        if one.result not in (CheckResult.PASSED, UNSEEN.get(one.name))
    }


def judgement(found: Examination, name: CheckName) -> Judgement:
    """What one check found."""
    return next(one.judgement for one in found.findings if one.name is name)


def only_fallen(found: Examination, name: CheckName, result: CheckResult = CheckResult.FAILED) -> Judgement:
    """What one check found; every other one has to stand."""
    assert fallen(found) == {name: result}, [(one.name, one.judgement) for one in found.findings]
    return judgement(found, name)
