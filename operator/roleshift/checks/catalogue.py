"""The catalogue of the 24 safety checks, in the order in which they are shown.

A check that this version does not make yet has no judge: it counts neither for
nor against the score, and the status says how many of the 24 were made.
"""

from collections.abc import Callable
from dataclasses import dataclass

from roleshift.api import Category, CheckName, Severity
from roleshift.checks import (
    application,
    backup,
    capacity,
    consistency,
    database,
    dependencies,
    integrity,
    prerequisites,
    references,
    replication,
    resources,
    row_security,
)
from roleshift.checks.subject import Subject
from roleshift.engine.checks import Finding, Judgement

Judge = Callable[[Subject], Judgement]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the catalogue."""

    name: CheckName
    category: Category
    severity: Severity
    judge: Judge | None = None


_CRITICAL, _MAJOR, _MINOR = Severity.CRITICAL, Severity.MAJOR, Severity.MINOR

CATALOGUE: tuple[Check, ...] = (
    Check(CheckName.SERVER_VERSION, Category.DATABASE, _CRITICAL, database.server_version),
    Check(CheckName.CONNECTION_HEADROOM, Category.DATABASE, _MAJOR, capacity.connection_headroom),
    Check(CheckName.DATABASE_SIZE, Category.DATABASE, _MAJOR, capacity.database_size),
    Check(CheckName.TABLESPACES, Category.DATABASE, _CRITICAL, capacity.tablespaces),
    Check(CheckName.USER_PROFILES, Category.INTEGRITY, _CRITICAL, integrity.user_profiles),
    Check(CheckName.ROLE_CONSISTENCY, Category.INTEGRITY, _CRITICAL, consistency.role_consistency),
    Check(CheckName.FOREIGN_KEYS, Category.INTEGRITY, _CRITICAL, references.foreign_keys),
    Check(CheckName.DUPLICATES, Category.INTEGRITY, _CRITICAL, references.duplicates),
    Check(CheckName.BACKUP_INFRASTRUCTURE, Category.BACKUP, _CRITICAL, backup.backup_infrastructure),
    Check(CheckName.BACKUP_SPACE, Category.BACKUP, _CRITICAL, backup.backup_space),
    Check(CheckName.BACKUP_PERMISSIONS, Category.BACKUP, _CRITICAL, backup.backup_permissions),
    Check(CheckName.RECENT_BACKUP, Category.BACKUP, _MINOR, backup.recent_backup),
    Check(CheckName.ROLE_TYPE, Category.PREREQUISITES, _CRITICAL, prerequisites.role_type),
    Check(CheckName.MIGRATION_COLUMNS, Category.PREREQUISITES, _CRITICAL, prerequisites.migration_columns),
    Check(CheckName.ROW_LEVEL_SECURITY, Category.PREREQUISITES, _CRITICAL, row_security.row_level_security),
    Check(
        CheckName.TRIGGERS_AND_DEPENDENCIES,
        Category.PREREQUISITES,
        _MAJOR,
        dependencies.triggers_and_dependencies,
    ),
    Check(CheckName.MEMORY, Category.RESOURCES, _MINOR, resources.memory),
    Check(CheckName.CPU, Category.RESOURCES, _MINOR, resources.cpu),
    Check(CheckName.DISK_IO, Category.RESOURCES, _MINOR, resources.disk_io),
    Check(CheckName.REPLICATION_LAG, Category.RESOURCES, _MAJOR, replication.replication_lag),
    Check(CheckName.ACTIVE_USERS, Category.APPLICATION, _MAJOR, application.active_users),
    Check(CheckName.BACKGROUND_JOBS, Category.APPLICATION, _MAJOR, application.background_jobs),
    Check(CheckName.LOCKS, Category.APPLICATION, _CRITICAL, application.locks),
    Check(CheckName.LONG_TRANSACTIONS, Category.APPLICATION, _MAJOR, application.long_transactions),
)


def judge_all(subject: Subject) -> tuple[Finding, ...]:
    """Every check that can be made, in the catalogue's order."""
    return tuple(
        Finding(check.name, check.category, check.severity, check.judge(subject))
        for check in CATALOGUE
        if check.judge is not None
    )
