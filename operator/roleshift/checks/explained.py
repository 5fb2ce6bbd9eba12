"""What each check looks at, and what it can't see: for docs/reference/checks.md. Text, no judgement."""

from dataclasses import dataclass

from roleshift.api.safety import CheckName


@dataclass(frozen=True, slots=True)
class Explanation:
    """One check in words.

    Attributes:
        looks_at: what is measured, and when the check falls.
        blind_to: what it can't see, so that nobody relies on it.
    """

    looks_at: str
    blind_to: str


EXPLANATIONS: dict[CheckName, Explanation] = {
    CheckName.SERVER_VERSION: Explanation(
        "The server's major version: older than 14 fails, past its end of life or newer than known warns.",
        "What a vendor has changed in a PostgreSQL of its own; a newer end-of-life date than this "
        "release knows.",
    ),
    CheckName.CONNECTION_HEADROOM: Explanation(
        "Client connections against max_connections without the reserved ones, the role's and the "
        "database's own limits, and what the run still needs; a pooler in transaction mode fails.",
        "A pooler in transaction mode that happens to give both sessions of the look a backend "
        "each. For a plain role some background workers count as clients.",
    ),
    CheckName.DATABASE_SIZE: Explanation(
        "Size of database, table and indexes, dead rows, and the estimated seconds of a Transaction "
        "against maxTransactionSeconds.",
        "What triggers cost, and how fast the machine is: the estimate is 1 s and, for each row, 4 "
        "µs and 2 µs for each index.",
    ),
    CheckName.TABLESPACES: Explanation(
        "The tablespaces of table, partitions, indexes and image exist and may be used; the server "
        "is neither in recovery nor read-only.",
        "Free space in a tablespace, and whether its folder is still there: SQL does not tell.",
    ),
    CheckName.USER_PROFILES: Explanation(
        "The target is an ordinary or partitioned table with a valid key and the role column; rows "
        "and NULL roles are counted. spec.target.scope names columns and values that the table has.",
        "Whether a row of the table is a user at all.",
    ),
    CheckName.ROLE_CONSISTENCY: Explanation(
        "Every role that rows hold is mapped or kept; collisions under unique indexes, with "
        "examples, also where their expressions or predicates read the role; rows that Merge would remove, "
        "and foreign keys that refer to them; one seniority for a row with several roles; escalations "
        "against privileges.order; privileges.keepAtLeast. It is judged again under the write's lock.",
        "What a role allows in the application; escalations without privileges.order; collisions under "
        "exclusion constraints, and under an index that reads the role while its enum lacks labels.",
    ),
    CheckName.FOREIGN_KEYS: Explanation(
        "Every foreign key from and to the target is validated and enforced, each new role exists "
        "where the role refers to a table, rows that refer to the role itself follow it, and no row of an "
        "assignment table lacks its user.",
        "References that no constraint and no entry of target.assignments names.",
    ),
    CheckName.DUPLICATES: Explanation(
        "Rows that are equal under a unique index that is invalid, or that only the partitions have.",
        "Duplicates that a valid index should have kept out and did not (corruption), and "
        "uniqueness that only the application knows.",
    ),
    CheckName.BACKUP_INFRASTRUCTURE: Explanation(
        "The ledger is at this version, or will be created or upgraded; its tables can be read, and "
        "its functions are what the registry and this version say they are. Where an archive is wanted, its "
        "store takes an object, gives it back and removes it.",
        "Altered columns, indexes or owners of the ledger's tables, and other functions in its schema.",
    ),
    CheckName.BACKUP_SPACE: Explanation(
        "Estimated bytes of image, WAL and dead rows; with maxDatabaseBytes the database has to "
        "stay below it, without it the estimate is a warning.",
        "The free space of the volume, WAL that slots or an archiver hold back, and other databases on it.",
    ),
    CheckName.BACKUP_PERMISSIONS: Explanation(
        "Create, write and drop are really tried in the ledger's schema, every statement of the "
        "plan is planned as the run's role, and all is rolled back; what is missing is named as a "
        "GRANT, and what else the server refuses as it says it (event triggers, publications).",
        "Rights that are taken away later; the write itself while columns or labels are still to be added.",
    ),
    CheckName.RECENT_BACKUP: Explanation(
        "The server's archiver has archived lately, and its last attempt did not fail.",
        "Whether there is a base backup, whether it can be restored, and backups that a vendor "
        "makes by other means.",
    ),
    CheckName.ROLE_TYPE: Explanation(
        "Enum, domain, length and check constraint of the role column take every new role, or "
        "AddMissing adds it; the server itself is asked to cast each value. The lookup table has one row "
        "for each new role; an array has one dimension.",
        "Check constraints over several columns, and triggers that refuse a value: they are met "
        "before the commit.",
    ),
    CheckName.MIGRATION_COLUMNS: Explanation(
        'The bookkeeping columns are there with usable types, or are "", or AddMissing adds them.',
        "Whether the application writes the same columns for a purpose of its own.",
    ),
    CheckName.ROW_LEVEL_SECURITY: Explanation(
        "Policies that would hide rows from the run's role (never waived), and policies that name a "
        "role which goes away.",
        "Roles that a policy reaches through a function or a lookup; the functions are "
        "TriggersAndDependencies'.",
    ),
    CheckName.TRIGGERS_AND_DEPENDENCIES: Explanation(
        "Triggers and rules that fire on the write and may swallow, change or refuse rows; views, "
        "functions, conditions of triggers, defaults and generated columns that read the role or name one "
        "which goes away.",
        "What a trigger does beyond its source (dynamic SQL, other languages), check constraints of other "
        "tables that name a role, and code outside the database.",
    ),
    CheckName.MEMORY: Explanation(
        "Free memory of the database's pods by the metrics API, else of the server by /proc.",
        "Memory of a pod without a limit, swap; without both sources it is Unknown.",
    ),
    CheckName.CPU: Explanation(
        "CPU of the database's pods against their limit, else the server's load for each processor.",
        "What a container would use beyond its limit, and other pods of the node; without both "
        "sources Unknown.",
    ),
    CheckName.DISK_IO: Explanation(
        "Time stalled on I/O by /proc/pressure/io, else the database's cache hit ratio.",
        "The disk itself. The ratio counts since the statistics began and knows nothing of the "
        "system's cache.",
    ),
    CheckName.REPLICATION_LAG: Explanation(
        "Lag of every standby that can be seen, and slots that are inactive, lost or about to be.",
        "Standbys fed from an archive, replicas of managed storage, and without pg_monitor any standby.",
    ),
    CheckName.ACTIVE_USERS: Explanation(
        "Sessions of others that hold a lock on the table at this moment, by application.",
        "Sessions that are idle between two statements, and users behind a pooler.",
    ),
    CheckName.BACKGROUND_JOBS: Explanation(
        "VACUUM, CREATE INDEX, CLUSTER and COPY under way on the table, scheduled jobs, other runs on it.",
        "When a job of pg_cron falls due (all active ones of this database are a warning), its jobs that are "
        "kept in another database, schedulers outside, and runs recorded in another database.",
    ),
    CheckName.LOCKS: Explanation(
        "Transactions that hold a lock which the write would wait for, longer than "
        "lockTimeoutSeconds, and sessions that wait for one; locks on single rows are a warning; deadlocks "
        "counted so far are told.",
        "Locks that will be taken after the look: the write has a lock timeout of its own; which rows are "
        "locked, and whether FOR UPDATE.",
    ),
    CheckName.LONG_TRANSACTIONS: Explanation(
        "Transactions, prepared transactions and slots that are older than the limit or hold back vacuum.",
        "Ages that are hidden from the run's role without pg_read_all_stats; those are said to be hidden.",
    ),
}
