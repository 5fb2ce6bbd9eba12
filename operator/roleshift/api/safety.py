"""The words of the safety checks: names, categories, severities, results. Not what they judge."""

from enum import StrEnum


class CheckName(StrEnum):
    """The 24 checks, four for each category."""

    SERVER_VERSION = "ServerVersion"
    CONNECTION_HEADROOM = "ConnectionHeadroom"
    DATABASE_SIZE = "DatabaseSize"
    TABLESPACES = "Tablespaces"

    USER_PROFILES = "UserProfiles"
    ROLE_CONSISTENCY = "RoleConsistency"
    FOREIGN_KEYS = "ForeignKeys"
    DUPLICATES = "Duplicates"

    BACKUP_INFRASTRUCTURE = "BackupInfrastructure"
    BACKUP_SPACE = "BackupSpace"
    BACKUP_PERMISSIONS = "BackupPermissions"
    RECENT_BACKUP = "RecentBackup"

    ROLE_TYPE = "RoleType"
    MIGRATION_COLUMNS = "MigrationColumns"
    ROW_LEVEL_SECURITY = "RowLevelSecurity"
    TRIGGERS_AND_DEPENDENCIES = "TriggersAndDependencies"

    MEMORY = "Memory"
    CPU = "CPU"
    DISK_IO = "DiskIO"
    REPLICATION_LAG = "ReplicationLag"

    ACTIVE_USERS = "ActiveUsers"
    BACKGROUND_JOBS = "BackgroundJobs"
    LOCKS = "Locks"
    LONG_TRANSACTIONS = "LongTransactions"


NEVER_WAIVED = frozenset(
    {
        CheckName.USER_PROFILES,
        CheckName.ROLE_CONSISTENCY,
        CheckName.ROLE_TYPE,
        CheckName.MIGRATION_COLUMNS,
    }
)
"""Without these the run can't be right, whatever a person accepts."""


class Category(StrEnum):
    """What a check looks at."""

    DATABASE = "Database"
    INTEGRITY = "Integrity"
    BACKUP = "Backup"
    PREREQUISITES = "Prerequisites"
    RESOURCES = "Resources"
    APPLICATION = "Application"


class Severity(StrEnum):
    """How much a check, or what a user reports, weighs."""

    CRITICAL = "Critical"
    MAJOR = "Major"
    MINOR = "Minor"


class CheckResult(StrEnum):
    """What a check came to; a probe that fails is Unknown, never Passed."""

    PASSED = "Passed"
    WARNING = "Warning"
    FAILED = "Failed"
    UNKNOWN = "Unknown"
    WAIVED = "Waived"
