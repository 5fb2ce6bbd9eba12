"""Checks on the server itself."""

from roleshift.checks.subject import Subject, could_not_tell
from roleshift.engine.checks import Judgement, failed, passed, warning
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.errors import Reason

OLDEST_MAJOR = 14
SUPPORTED_MAJORS = range(15, 19)
"""Major versions that are not past their end of life; source: PostgreSQL's versioning policy, 2026-11."""
TRIED_MAJORS = frozenset({16, 18})


def server_version(subject: Subject) -> Judgement:
    """Tried versions pass; one past its end of life or newer than known warns; older than 14 fails."""
    server = subject.facts.server
    if isinstance(server, ProbeFailure):
        return could_not_tell(server)
    major = server.version // 10_000
    found = f"PostgreSQL {server.version_text}"
    if major < OLDEST_MAJOR:
        return failed(
            f"{found} is older than {OLDEST_MAJOR}, the oldest that works: upgrade the server",
            Reason.SERVER_VERSION_NOT_SUPPORTED,
        )
    if major < SUPPORTED_MAJORS.start:
        return warning(f"{found} is past its end of life: plan its upgrade")
    if major >= SUPPORTED_MAJORS.stop:
        return warning(f"{found} is newer than {SUPPORTED_MAJORS.stop - 1}, the newest that was tried")
    tried = "tried" if major in TRIED_MAJORS else "supported; 16 and 18 are the versions that tests run on"
    return passed(f"{found} ({tried})")
