"""The check on row-level security: does the run see every row, and do policies still fit afterwards?"""

from roleshift.api.safety import CheckResult
from roleshift.checks.subject import Subject, could_not_tell, depends_on
from roleshift.checks.wording import as_sql, named, one_line, quoted
from roleshift.engine.checks import Judgement, failed, passed
from roleshift.engine.facts.dependencies import RowSecurityFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.errors import Reason


def row_level_security(subject: Subject) -> Judgement:
    """No policy hides rows from the run's role, and none names a role that goes away.

    Every session sets row_security = off, so that hidden rows are an error and never a smaller
    count: a run can't work under such a policy, and nobody can waive it. A policy that names a
    role which goes away would let the wrong people in or out; whoever has changed the
    application accordingly can waive that.
    """
    security = subject.facts.row_security
    if subject.target is None:
        return depends_on("UserProfiles")
    if isinstance(security, ProbeFailure):
        return could_not_tell(security)
    if security.hides_rows:
        return _hidden(subject, security)
    if isinstance(security.policies, ProbeFailure):
        return could_not_tell(security.policies)
    naming = [
        f"{one.name} names {quoted(one.roles)} ({one_line(one.definition)})" for one in security.policies
    ]
    if naming:
        return failed(
            f"policies name roles that go away: {named(naming, '; ')}; change these policies together with "
            "the roles, or add a waiver in spec.checks.waivers"
        )
    return passed(_nothing_hidden(subject, security))


def _hidden(subject: Subject, security: RowSecurityFacts) -> Judgement:
    user = _user(subject)
    if security.owner:
        why = f"forced upon its owner ({user})"
        remedy = (
            f"ALTER ROLE {user} BYPASSRLS, or ALTER TABLE {as_sql(subject.table)} NO FORCE ROW LEVEL SECURITY"
        )
    else:
        why = f"enabled, and {user} is neither its owner nor BYPASSRLS"
        remedy = f"ALTER ROLE {user} BYPASSRLS, or run as the owner"
    message = (
        f"row-level security of {subject.table} is {why}, so rows would be hidden from the run: {remedy}"
    )
    return Judgement(CheckResult.FAILED, message, Reason.PERMISSION_DENIED, waivable=False)


def _user(subject: Subject) -> str:
    server = subject.facts.server
    return "the run's role" if isinstance(server, ProbeFailure) else f'"{server.user}"'


def _nothing_hidden(subject: Subject, security: RowSecurityFacts) -> str:
    if security.enabled:
        return f"row-level security of {subject.table} hides no row from {_user(subject)}"
    return f"{subject.table} has no row-level security"
