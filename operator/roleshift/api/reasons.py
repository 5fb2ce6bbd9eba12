"""What each reason means and what to do about it: the text behind the word in conditions and events."""

from dataclasses import dataclass

from roleshift.errors import Reason


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reason for people.

    Attributes:
        meaning: what happened and what it says of the table.
        remedy: what to do, or that nothing is to be done.
    """

    meaning: str
    remedy: str


_NOTHING = "Nothing: the run goes on by itself."
_MANIFEST = "Change the manifest and apply it again: that begins a new attempt."
_RETRY = (
    "Mend the cause, then set the annotation roleshift.dev/retryRequestedAt to the time of now "
    "(`roleshift retry NAME`)."
)
_UNCHANGED = "Nothing was written to the table."

EXPLANATIONS: dict[Reason, Explanation] = {
    Reason.ACCEPTED: Explanation("The object was seen; no work has begun.", _NOTHING),
    Reason.CHECKING: Explanation("The safety checks and the plan are being made.", _NOTHING),
    Reason.BACKING_UP: Explanation("The schema changes and the before-image are being made.", _NOTHING),
    Reason.MIGRATING: Explanation("Rows are being written; writers wait, readers go on.", _NOTHING),
    Reason.VALIDATING: Explanation("The committed rows are compared with the image.", _NOTHING),
    Reason.ROLLING_BACK: Explanation("The old roles are being restored from the image.", _NOTHING),
    Reason.REHEARSING: Explanation(
        "The whole run, its rollback included, is being made in one transaction that will be rolled back. "
        "The table is locked meanwhile: status.plan.lock says who waits.",
        _NOTHING,
    ),
    Reason.MIGRATION_COMPLETED: Explanation(
        "Every row holds its new role and every verification passed.",
        "Nothing. `spec.desiredState: RolledBack` brings the old roles back while the backup is kept.",
    ),
    Reason.MIGRATION_ACCEPTED: Explanation(
        "A verification had failed, and a person took the data as they are: DataConsistent still says what "
        "was found, the condition Ready who accepted it and why.",
        "Nothing. `spec.desiredState: RolledBack` brings the old roles back while the backup is kept.",
    ),
    Reason.DRY_RUN_COMPLETED: Explanation(
        "A dry run has ended: the checks passed and the statements of the plan were prepared. Nothing was "
        "written or locked, and nobody was migrated.",
        "Read status.plan. Then set spec.mode to Rehearse to try the whole run, or to Apply to migrate: "
        "that begins a new attempt, with a plan and an approval of its own.",
    ),
    Reason.REHEARSAL_COMPLETED: Explanation(
        "A rehearsal has ended: the whole run and its rollback went well in one transaction, which was then "
        "rolled back. Nobody was migrated. The message names what can't be rehearsed.",
        "Set spec.mode to Apply to migrate: that begins a new attempt, with a plan and an approval of its "
        "own.",
    ),
    Reason.REHEARSAL_INCOMPLETE: Explanation(
        "A part of the run that matters can't be tried in a transaction that is rolled back, and counts as "
        f"not tried: PostgreSQL uses a new enum value only after its COMMIT. {_UNCHANGED}",
        "Rehearse on a clone: `roleshift rehearse --clone -f FILE`. Or add the enum values yourself and "
        "apply the manifest again.",
    ),
    Reason.ROLLED_BACK_ON_REQUEST: Explanation(
        "A person asked for the old roles; every row that the run wrote has its old role again.", "Nothing."
    ),
    Reason.ROLLED_BACK_WITH_CONFLICTS: Explanation(
        "The old roles are back, but for rows that somebody changed or added after the migration.",
        "Look at status.rollback.examples and at roleshift.migration_rollback_log, and decide "
        "about each of these rows.",
    ),
    Reason.VALIDATION_FAILED: Explanation(
        "A verification or an assertion failed; the old roles are back.",
        f"status.validation.results names it. {_RETRY}",
    ),
    Reason.ROLLBACK_FAILED: Explanation(
        "The restore can't be finished. It is one transaction, so the table is as the migration left it, and "
        "the backup is kept.",
        _RETRY,
    ),
    Reason.RETRIES_EXHAUSTED: Explanation(
        f"The write failed more often than spec.retry.limit allows. {_UNCHANGED}", _RETRY
    ),
    Reason.WAITED_TOO_LONG: Explanation(
        f"The run waited for 24 hours for something that did not come. {_UNCHANGED}", _RETRY
    ),
    Reason.INVALID_SPEC: Explanation(f"The manifest can't be read. {_UNCHANGED}", _MANIFEST),
    Reason.NOT_SUPPORTED: Explanation(
        f"The manifest asks for something that this version does not do yet. {_UNCHANGED}", _MANIFEST
    ),
    Reason.INTERNAL_ERROR: Explanation(
        "Roleshift has come to a state that should not be possible.", "Report it with the operator's log."
    ),
    Reason.SUSPENDED: Explanation(
        "A person asked the run to rest.",
        "Remove spec.suspend and the annotation roleshift.dev/suspended-by (`roleshift resume NAME`).",
    ),
    Reason.WAITING_FOR_APPROVAL: Explanation(
        "The gate is open and spec.approval.policy is Manual: the plan in status.plan waits for a person, "
        "for as long as that takes. Nothing was written to the table.",
        "Read the plan, then set spec.approval.planHash to status.plan.hash (`roleshift approve NAME`). "
        "A plan that changes has another hash and waits again.",
    ),
    Reason.AWAITING_DECISION: Explanation(
        "The rows are written and committed, a verification failed, and spec.rollback.policy leaves it to a "
        "person what becomes of them. The run waits for as long as that takes; the backup is kept.",
        "Read status.validation.results. Then one of three: `roleshift rollback NAME` brings the old roles "
        "back, `roleshift resume NAME` verifies again (after the cause was mended), `roleshift accept NAME "
        "--reason …` takes the data as they are.",
    ),
    Reason.SUPERSEDED: Explanation(
        "The old roles are asked for, and a later run has written to the same table since. Undone in another "
        "order than they were done, the two would leave roles that neither knows. The run stays Done and "
        "nothing is written.",
        "Roll the later run back first, its message names it; the run then goes on by itself. If that one's "
        "object is gone, apply its manifest again with spec.desiredState: RolledBack. Or set "
        "spec.desiredState: Migrated here.",
    ),
    Reason.BACKUP_EXPIRED: Explanation(
        "The old roles are asked for, and the backups of the run were removed because "
        "spec.backup.retentionSeconds was over, or because somebody removed them. Nothing is written.",
        "Set spec.desiredState: Migrated here. To change the roles again, write a new RoleMigration.",
    ),
    Reason.RETRY_REFUSED: Explanation(
        "roleshift.dev/retryRequestedAt asks for a new attempt of a run that is Done, or whose "
        "spec.desiredState is RolledBack. The run stays as it is.",
        "Set spec.desiredState: Migrated for a new attempt of a run that came back (`roleshift retry NAME` "
        "does both). A Done run is rolled back first.",
    ),
    Reason.SECRET_NOT_FOUND: Explanation(
        "The Secret or ConfigMap that the manifest names is not there.",
        "Create it; the run sees it by itself.",
    ),
    Reason.SECRET_INVALID: Explanation(
        "The Secret lacks a key, or its value is no connection string.",
        "Correct the Secret; the run sees it by itself.",
    ),
    Reason.STORE_UNREACHABLE: Explanation(
        "The object store of spec.backup.archive does not answer, or not in time.",
        "Check the URL, the endpoint and the network policy; the run goes on by itself.",
    ),
    Reason.STORE_ACCESS_DENIED: Explanation(
        "The object store refuses the credentials, or they may not read, write and delete below the URL.",
        "Correct the Secret of spec.backup.archive or the rights it stands for; the run goes on by itself.",
    ),
    Reason.STORE_NOT_FOUND: Explanation(
        "There is no such bucket or container.",
        "Create it, or correct spec.backup.archive.url; the run goes on by itself.",
    ),
    Reason.STORE_FULL: Explanation(
        "The object store takes nothing more: its disk or its quota is full.",
        "Free space or raise the quota; the run goes on by itself.",
    ),
    Reason.SERVER_UNREACHABLE: Explanation(
        "No TCP connection to the server.",
        "Check host and port, the network policy and the server; the run goes on by itself.",
    ),
    Reason.AUTHENTICATION_FAILED: Explanation(
        "The server refused user or password.",
        "Correct the Secret or pg_hba.conf; the run goes on by itself.",
    ),
    Reason.DATABASE_NOT_FOUND: Explanation(
        "The server has no database of that name.", "Correct the Secret; the run goes on by itself."
    ),
    Reason.TLS_REFUSED: Explanation(
        "The server does not speak TLS and sslMode demands it.",
        "Enable ssl on the server, or set spec.connection.sslMode.",
    ),
    Reason.TLS_NOT_VERIFIED: Explanation(
        "The server's certificate is not trusted.", "Give its CA in spec.connection.caRef."
    ),
    Reason.TOO_MANY_CONNECTIONS: Explanation(
        "The server has no connection left.", "Free connections; the run goes on by itself."
    ),
    Reason.CONNECTION_LOST: Explanation(
        "The connection broke. A transaction that was open is rolled back by the server; one whose "
        "COMMIT was under way is looked up before anything is decided.",
        _NOTHING,
    ),
    Reason.SERVER_STARTING: Explanation("The server is starting or shutting down.", _NOTHING),
    Reason.ANOTHER_RUN_ACTIVE: Explanation("Another run works on the same table.", _NOTHING),
    Reason.LOCK_TIMEOUT: Explanation(
        "Another session holds a lock on the table for longer than lockTimeoutSeconds.",
        "End that session, or wait: the run tries again by itself.",
    ),
    Reason.CHECKS_WAITING: Explanation(
        "A check failed that can heal by itself.", "Its message says what would help; it is made again."
    ),
    Reason.PLAN_CHANGED: Explanation("The table changed so that the plan no longer fits.", _NOTHING),
    Reason.KUBERNETES_UNAVAILABLE: Explanation("The Kubernetes API did not answer.", _NOTHING),
    Reason.KUBERNETES_REFUSED: Explanation(
        "The Kubernetes API refused a request of the operator.",
        "Compare the operator's rights with deploy/base/cluster-role.yaml.",
    ),
    Reason.CHECKS_FAILED: Explanation(
        f"A critical check failed or could not tell. {_UNCHANGED}", f"Its message says what to do. {_RETRY}"
    ),
    Reason.SCORE_TOO_LOW: Explanation(
        f"The safety score is below spec.checks.minimumScore. {_UNCHANGED}",
        f"status.safety.results says what lowers it. {_RETRY}",
    ),
    Reason.TABLE_NOT_FOUND: Explanation(
        f"There is no such table that the role may see. {_UNCHANGED}", _MANIFEST
    ),
    Reason.NOT_A_TABLE: Explanation(f"The target is a view or another relation. {_UNCHANGED}", _MANIFEST),
    Reason.COLUMN_NOT_FOUND: Explanation(f"The table has no such column. {_UNCHANGED}", _MANIFEST),
    Reason.INVALID_KEY: Explanation(
        f"No columns are known that identify a row. {_UNCHANGED}",
        f"Name unique, NOT NULL columns in spec.target.keyColumns. {_MANIFEST}",
    ),
    Reason.UNMAPPED_ROLES: Explanation(f"Rows hold roles that no mapping names. {_UNCHANGED}", _MANIFEST),
    Reason.NULL_ROLES: Explanation(
        f"Rows hold no role. {_UNCHANGED}", "Give them one and retry, or set spec.unmappedRoles: Keep."
    ),
    Reason.INVALID_SCOPE: Explanation(
        "spec.target.scope names a column that is not there or that the run writes, or a value that the "
        f"column can't have. {_UNCHANGED}",
        f"Correct spec.target.scope. {_MANIFEST}",
    ),
    Reason.ROLE_COLLISION: Explanation(
        f"Two rows of one user would become the same under a unique index. {_UNCHANGED}", _RETRY
    ),
    Reason.MAPPING_CHAIN: Explanation(
        "The mapping goes round in a circle, and a unique index with expressions or a WHERE holds the role. "
        f"{_UNCHANGED}",
        f"Migrate in two runs, by a role that nobody holds. {_MANIFEST}",
    ),
    Reason.AMBIGUOUS_SENIORITY: Explanation(
        "Rows hold several roles, and it is not clear which new role gives them their seniority. "
        f"{_UNCHANGED}",
        f"Name every new role that gives a seniority in spec.privileges.order. {_MANIFEST}",
    ),
    Reason.ESCALATION_NOT_ALLOWED: Explanation(
        f"A mapping gives a stronger role by spec.privileges.order. {_UNCHANGED}", _MANIFEST
    ),
    Reason.TOO_FEW_LEFT: Explanation(f"spec.privileges.keepAtLeast would not hold. {_UNCHANGED}", _MANIFEST),
    Reason.ROLE_NOT_IN_TYPE: Explanation(
        f"The column's type refuses a role of the mapping. {_UNCHANGED}",
        "Set spec.schemaChanges: AddMissing, or change the type yourself and retry.",
    ),
    Reason.MIGRATION_COLUMNS_MISSING: Explanation(
        f"A bookkeeping column is missing or can't be used. {_UNCHANGED}",
        f"The message prints both answers as YAML. {_MANIFEST}",
    ),
    Reason.PERMISSION_DENIED: Explanation(
        f"The run's role lacks a right. {_UNCHANGED}", f"The message names the GRANT. {_RETRY}"
    ),
    Reason.SERVER_VERSION_NOT_SUPPORTED: Explanation(
        f"The server is older than 14. {_UNCHANGED}", "Upgrade it."
    ),
    Reason.LEDGER_TOO_NEW: Explanation(
        "The ledger in the database was made by a newer operator.", "Upgrade this operator."
    ),
    Reason.LEDGER_LOST: Explanation(
        "The status says that a run had begun, and the database knows nothing of it.",
        "If spec.connection leads to another database than before, put it back. Else look at the table "
        f"first. {_RETRY}",
    ),
    Reason.FOREIGN_RUN: Explanation(
        "The run that the ledger knows was made in another database and came here with a copy of it: by "
        "pg_restore, as a template, or by pg_upgrade. Nothing is written here.",
        "If spec.connection leads to the wrong database, put it back. Else `roleshift forget NAME`: the "
        "copied runs of that name and their images are cleared, and the run begins anew.",
    ),
    Reason.INVALID_ARCHIVE: Explanation(
        "spec.backup.archive names a place where the operator may not write, or the store holds something "
        f"else under that name. {_UNCHANGED}",
        f"The message says what. {_MANIFEST}",
    ),
    Reason.BACKUP_NOT_VERIFIED: Explanation(f"The image differs from its source. {_UNCHANGED}", _RETRY),
    Reason.BACKUP_DAMAGED: Explanation(
        "The image is gone or altered; nothing is restored from it, and nothing is written without it.",
        "Find out who writes to the schema roleshift.",
    ),
    Reason.ROLES_CHANGED_SINCE: Explanation(
        "Roles were changed after the migration and spec.rollback.onConflict is Fail: nothing was restored, "
        "the table is as the migration left it, and roleshift.migration_rollback_log names every such row.",
        f"Set spec.rollback.onConflict to Skip or Overwrite. {_RETRY}",
    ),
    Reason.ROWS_SWALLOWED: Explanation(
        "Fewer rows were written than there are in the image; the transaction was rolled back.",
        f"The message names the triggers. {_RETRY}",
    ),
    Reason.STATEMENT_TIMEOUT: Explanation(
        f"A statement took longer than statementTimeoutSeconds. {_UNCHANGED}", _MANIFEST
    ),
    Reason.CANCELLED: Explanation(f"Somebody cancelled a statement of the run. {_UNCHANGED}", _RETRY),
    Reason.SERIALIZATION_FAILURE: Explanation("Two transactions were in each other's way.", _NOTHING),
    Reason.CONSTRAINT_VIOLATED: Explanation(f"A constraint refuses the new values. {_UNCHANGED}", _RETRY),
    Reason.DISK_FULL: Explanation("The server lacks disk, memory or the like.", "Free it; the run goes on."),
    Reason.READ_ONLY: Explanation("The server is read-only.", "Connect to the primary; the run goes on."),
    Reason.FENCED: Explanation("Another operator took the run over.", "Nothing: that one goes on with it."),
    Reason.DATABASE_ERROR: Explanation("The server answered with an error of another kind.", _RETRY),
}
"""One entry for each reason."""
