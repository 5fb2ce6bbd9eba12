"""The reasons a run can give, and the one exception tree.

A reason is the PascalCase word that stands in conditions, events, metrics and
on the command line. An error carries a reason, whether trying again can help,
and a message that says what to do. Nothing in here does I/O.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a run is where it is. Closed set: people script against these words."""

    # On the way.
    ACCEPTED = "Accepted"
    CHECKING = "Checking"
    BACKING_UP = "BackingUp"
    MIGRATING = "Migrating"
    VALIDATING = "Validating"
    ROLLING_BACK = "RollingBack"
    REHEARSING = "Rehearsing"

    # Ends.
    MIGRATION_COMPLETED = "MigrationCompleted"
    MIGRATION_ACCEPTED = "MigrationAccepted"
    DRY_RUN_COMPLETED = "DryRunCompleted"
    REHEARSAL_COMPLETED = "RehearsalCompleted"
    REHEARSAL_INCOMPLETE = "RehearsalIncomplete"
    ROLLED_BACK_ON_REQUEST = "RolledBackOnRequest"
    ROLLED_BACK_WITH_CONFLICTS = "RolledBackWithConflicts"
    VALIDATION_FAILED = "ValidationFailed"
    ROLLBACK_FAILED = "RollbackFailed"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    WAITED_TOO_LONG = "WaitedTooLong"
    INVALID_SPEC = "InvalidSpec"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"

    # Waiting: heals by itself or by a person.
    SUSPENDED = "Suspended"
    WAITING_FOR_APPROVAL = "WaitingForApproval"
    AWAITING_DECISION = "AwaitingDecision"
    SUPERSEDED = "Superseded"
    BACKUP_EXPIRED = "BackupExpired"
    RETRY_REFUSED = "RetryRefused"
    SECRET_NOT_FOUND = "SecretNotFound"
    SECRET_INVALID = "SecretInvalid"
    STORE_UNREACHABLE = "StoreUnreachable"
    STORE_ACCESS_DENIED = "StoreAccessDenied"
    STORE_NOT_FOUND = "StoreNotFound"
    STORE_FULL = "StoreFull"
    SERVER_UNREACHABLE = "ServerUnreachable"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    DATABASE_NOT_FOUND = "DatabaseNotFound"
    TLS_REFUSED = "TLSRefused"
    TLS_NOT_VERIFIED = "TLSNotVerified"
    TOO_MANY_CONNECTIONS = "TooManyConnections"
    CONNECTION_LOST = "ConnectionLost"
    SERVER_STARTING = "ServerStarting"
    ANOTHER_RUN_ACTIVE = "AnotherRunActive"
    LOCK_TIMEOUT = "LockTimeout"
    CHECKS_WAITING = "ChecksWaiting"
    PLAN_CHANGED = "PlanChanged"
    KUBERNETES_UNAVAILABLE = "KubernetesUnavailable"
    KUBERNETES_REFUSED = "KubernetesRefused"

    # The gate and the target.
    CHECKS_FAILED = "ChecksFailed"
    SCORE_TOO_LOW = "ScoreTooLow"
    TABLE_NOT_FOUND = "TableNotFound"
    NOT_A_TABLE = "NotATable"
    COLUMN_NOT_FOUND = "ColumnNotFound"
    INVALID_KEY = "InvalidKey"
    INVALID_SCOPE = "InvalidScope"
    UNMAPPED_ROLES = "UnmappedRoles"
    NULL_ROLES = "NullRoles"
    ROLE_COLLISION = "RoleCollision"
    MAPPING_CHAIN = "MappingChain"
    AMBIGUOUS_SENIORITY = "AmbiguousSeniority"
    ESCALATION_NOT_ALLOWED = "EscalationNotAllowed"
    TOO_FEW_LEFT = "TooFewLeft"
    ROLE_NOT_IN_TYPE = "RoleNotInType"
    MIGRATION_COLUMNS_MISSING = "MigrationColumnsMissing"
    PERMISSION_DENIED = "PermissionDenied"
    SERVER_VERSION_NOT_SUPPORTED = "ServerVersionNotSupported"
    LEDGER_TOO_NEW = "LedgerTooNew"
    LEDGER_LOST = "LedgerLost"
    FOREIGN_RUN = "ForeignRun"

    # What the database answered in mid-run.
    INVALID_ARCHIVE = "InvalidArchive"
    BACKUP_NOT_VERIFIED = "BackupNotVerified"
    BACKUP_DAMAGED = "BackupDamaged"
    ROLES_CHANGED_SINCE = "RolesChangedSince"
    ROWS_SWALLOWED = "RowsSwallowed"
    STATEMENT_TIMEOUT = "StatementTimeout"
    CANCELLED = "Cancelled"
    SERIALIZATION_FAILURE = "SerializationFailure"
    CONSTRAINT_VIOLATED = "ConstraintViolated"
    DISK_FULL = "DiskFull"
    READ_ONLY = "ReadOnly"
    FENCED = "Fenced"
    DATABASE_ERROR = "DatabaseError"


class RoleshiftError(Exception):
    """Base of everything that Roleshift raises on purpose.

    Attributes:
        reason: the word for conditions, events and metrics.
        retryable: whether the same call may succeed later without a person.
        message: what happened and what to do; never a secret, never a traceback.
        sqlstate: five characters when PostgreSQL said so, else "".
    """

    reason: Reason
    retryable: bool
    sqlstate: str

    def __init__(self, reason: Reason, message: str, *, retryable: bool = False, sqlstate: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retryable = retryable
        self.sqlstate = sqlstate


class SpecError(RoleshiftError):
    """The manifest asks for something that can't be done; only a change of it helps."""


class ClusterError(RoleshiftError):
    """The Kubernetes API, or an object that a run needs from it, is not there yet."""


class StoreError(RoleshiftError):
    """The object store refused, failed or went away, or holds something else than it should."""


class DatabaseError(RoleshiftError):
    """PostgreSQL refused, failed or went away; classified by SQLSTATE, never by text."""


class FencedError(DatabaseError):
    """Another session took this run over: this one must write nothing more."""

    def __init__(self, message: str = "another operator took this run over; this session stops") -> None:
        super().__init__(Reason.FENCED, message)
