"""Checks on what the backup needs."""

from roleshift.api.safety import CheckResult
from roleshift.checks.subject import Subject, could_not_tell, depends_on, with_rows
from roleshift.checks.wording import counted
from roleshift.engine.amounts import amount
from roleshift.engine.checks import Healing, Judgement, failed, passed, unknown, warning
from roleshift.engine.facts.backup import ArchiverFacts, LedgerFacts, LedgerFunctionFacts, SpaceFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.keys import Key
from roleshift.engine.space import Measured, SpaceEstimate, estimate_space, image_widths
from roleshift.errors import Reason

RECENT_SECONDS = 24 * 3600
"""A server that archives its WAL has archived some within a day, or has none to archive."""
_LAY_DOWN = "lay the ledger down again as its owner: roleshift sql | psql"


# BackupInfrastructure


def backup_infrastructure(subject: Subject) -> Judgement:
    """The ledger is at the right version or will be, readable and unaltered; the archive can be used."""
    ledger = _ledger(subject)
    return ledger if ledger.result is not CheckResult.PASSED else _with_archive(subject, ledger)


def _with_archive(subject: Subject, ledger: Judgement) -> Judgement:
    """The store was really tried by the operator; from a command line nobody can get in."""
    wanted = subject.spec.backup.archive
    if wanted is None:
        return ledger
    around = subject.facts.surroundings
    tried = around.archive if around else None
    if tried is None:
        return warning(
            f"{ledger.message}; the archive {wanted.url} was not tried: only the operator has its credentials"
        )
    if isinstance(tried, ProbeFailure):
        return failed(f"the archive can't be used: {tried.message}", tried.reason, Healing.BY_ITSELF)
    return passed(f"{ledger.message}; the archive {tried.url} takes, gives back and removes an object")


def _ledger(subject: Subject) -> Judgement:
    facts = subject.facts.backup.ledger
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    if facts.version is None:
        return passed(f"there is no ledger yet; version {facts.known} will be created")
    for judge in (_unreadable, _wrong_version, _incomplete):
        judgement = judge(facts)
        if judgement is not None:
            return judgement
    return passed(
        f"the ledger has version {facts.version}; its tables can be read, its {len(facts.functions)} "
        "functions are unaltered"
    )


def _unreadable(facts: LedgerFacts) -> Judgement | None:
    if not facts.unreadable:
        return None
    return failed(
        f"the run's role can't read {', '.join(f'roleshift.{name}' for name in facts.unreadable)}: "
        "roleshift sql --role ROLE prints the grants that it needs",
        Reason.PERMISSION_DENIED,
    )


def _wrong_version(facts: LedgerFacts) -> Judgement | None:
    version = facts.version or 0
    if version > facts.known:
        return failed(
            f"the ledger has version {version}, this operator knows {facts.known}: upgrade the operator",
            Reason.LEDGER_TOO_NEW,
        )
    if facts.missing:
        return failed(f"the ledger lacks {', '.join(facts.missing)}; {_LAY_DOWN}")
    if version < facts.known:
        return passed(f"the ledger has version {version} and will be upgraded to {facts.known}")
    return None


def _incomplete(facts: LedgerFacts) -> Judgement | None:
    wrong = [text for text in map(_what_is_wrong, facts.functions) if text]
    return failed(f"{'; '.join(wrong)}: find out who did that, then {_LAY_DOWN}") if wrong else None


def _what_is_wrong(function: LedgerFunctionFacts) -> str:
    name = f"roleshift.{function.signature}"
    if function.found is None:
        return f"the function {name} is gone"
    if function.found != function.expected:
        return f"the function {name} was altered"
    if function.registered is None:
        return f"the registry has no entry for {name}"
    if function.registered != function.expected:
        return f"the registry's entry for {name} was altered"
    return ""


# BackupSpace


def backup_space(subject: Subject) -> Judgement:
    """Image, WAL and dead rows fit below the limit, where one is given."""
    ready = with_rows(subject, subject.facts.backup.space)
    if isinstance(ready, Judgement):
        return ready
    facts, proof = ready
    estimate = estimate_of(subject, facts)
    needs = (
        f"{counted(proof.rows, 'row needs', 'rows need')} about {amount(estimate.total)} (image "
        f"{amount(estimate.image)}, WAL {amount(estimate.wal)}, dead rows {amount(estimate.dead)})"
    )
    limit = subject.spec.checks.limits.max_database_bytes
    if limit is None:
        return warning(
            f"{needs}; nobody said how large the database may become: see that there is room, and set "
            "spec.checks.limits.maxDatabaseBytes to have it judged"
        )
    reached = facts.database_bytes + estimate.total
    text = f"{needs}; with the database's {amount(facts.database_bytes)} that is {reached} bytes"
    if reached > limit:
        return failed(
            f"{text}, more than maxDatabaseBytes {limit}: make room (VACUUM FULL, drop what nobody needs), "
            "or raise spec.checks.limits.maxDatabaseBytes if the volume allows it",
            Reason.DISK_FULL,
        )
    return passed(f"{text} (limit {limit})")


def estimate_of(subject: Subject, facts: SpaceFacts) -> SpaceEstimate:
    """What the run over the rows that were counted needs, in bytes."""
    roles, proof, key = subject.facts.roles, subject.proof, subject.key
    total = roles.total if not isinstance(roles, ProbeFailure) else 0
    columns = [*(key.columns if isinstance(key, Key) else ()), *_written(subject), subject.names.role]
    return estimate_space(
        Measured(
            rows=total,
            changing=proof.rows if proof else 0,
            heap_bytes=facts.heap_bytes,
            index_bytes=facts.index_bytes,
            indexes=facts.indexes,
            image_columns=(*image_widths(facts.widths, columns), _new_seniority(subject)),
        )
    )


def _new_seniority(subject: Subject) -> int:
    """Bytes of the longest seniority that a mapping gives; the column may still be empty."""
    given = [mapping.seniority for mapping in subject.spec.mappings if mapping.seniority is not None]
    return max((len(text.encode()) + 1 for text in given), default=0)


def _written(subject: Subject) -> list[str]:
    """Columns that are written and that are there: what is added first is NULL in every row."""
    names, target = subject.spec.target.columns.written(), subject.target
    return [name for name in names if target is None or target.column(name) is not None]


# BackupPermissions


def backup_permissions(subject: Subject) -> Judgement:
    """Create, write and drop were tried in the ledger's schema, and every statement was planned."""
    permissions = subject.facts.permissions
    if isinstance(permissions, ProbeFailure):
        return _refused(permissions)
    if permissions.missing:
        return failed(
            f"the run's role lacks rights: {'; '.join(permissions.missing)}", Reason.PERMISSION_DENIED
        )
    if subject.target is None:
        return depends_on("UserProfiles")
    except_for = "" if permissions.planned else ", except for the write, which can't be planned yet"
    return passed(f"tried as the run's role and undone{except_for}; ledger: {permissions.ledger}")


def _refused(failure: ProbeFailure) -> Judgement:
    """What the server refuses for another reason than a missing right: an event trigger, a publication."""
    if failure.reason is not Reason.DATABASE_ERROR:
        return could_not_tell(failure)
    said = failure.message.partition(": see the server's log")[0]
    return failed(
        f"the server refuses what a run does, tried as the run's role and undone: {said}; mend what "
        "refuses it",
        failure.reason,
    )


# RecentBackup


def recent_backup(subject: Subject) -> Judgement:
    """The server archives its WAL, and did so lately; whether there is a base backup can't be seen."""
    facts = subject.facts.backup.archiver
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    if facts.mode == "off":
        return unknown(
            "archive_mode is off, so the server can't tell whether it is backed up: archive_mode = on with "
            "an archive_command would; else see for yourself that a recent backup exists",
            healing=Healing.BY_A_PERSON,
        )
    return _judge_archiver(facts)


def _judge_archiver(facts: ArchiverFacts) -> Judgement:
    if not facts.configured:
        return failed(
            f"archive_mode is {facts.mode} and neither archive_command nor archive_library is set, so that "
            "no WAL is archived: set one"
        )
    if facts.failing:
        return failed(
            f"the archiver fails, lately for {facts.last_failed}; see the server's log and mend "
            "archive_command, or wait: the check is made again",
            healing=Healing.BY_ITSELF,
        )
    if facts.seconds_since_archived is None:
        return unknown(
            "the server has archived nothing since its statistics were reset; SELECT pg_switch_wal() makes "
            "it archive, and the check is made again"
        )
    return _judge_age(facts, facts.seconds_since_archived)


def _judge_age(facts: ArchiverFacts, seconds: float) -> Judgement:
    measured = f"{facts.last_archived} was archived {seconds / 3600:.1f} hours ago"
    if seconds <= RECENT_SECONDS or facts.waiting == 0:
        nothing = " and there is nothing to archive since" if seconds > RECENT_SECONDS else ""
        return passed(f"{measured}{nothing} (limit {RECENT_SECONDS // 3600}); a base backup can't be seen")
    waiting = "an unknown number of" if facts.waiting is None else facts.waiting
    return failed(
        f"{measured}, more than {RECENT_SECONDS // 3600}, and {waiting} WAL segments wait: see whether the "
        "archiver runs, or wait: the check is made again",
        healing=Healing.BY_ITSELF,
    )
