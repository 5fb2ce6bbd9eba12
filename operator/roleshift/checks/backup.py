"""Checks on what the backup needs."""

from roleshift.checks.subject import Subject, could_not_tell, depends_on
from roleshift.engine.checks import Judgement, failed, passed
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.errors import Reason


def backup_permissions(subject: Subject) -> Judgement:
    """Create, write and drop were tried in the ledger's schema, and every statement was planned."""
    permissions = subject.facts.permissions
    if isinstance(permissions, ProbeFailure):
        return could_not_tell(permissions)
    if permissions.missing:
        return failed(
            f"the run's role lacks rights: {'; '.join(permissions.missing)}", Reason.PERMISSION_DENIED
        )
    if subject.target is None:
        return depends_on("UserProfiles")
    except_for = "" if permissions.planned else ", except for the write, which can't be planned yet"
    return passed(f"tried as the run's role and undone{except_for}; ledger: {permissions.ledger}")
