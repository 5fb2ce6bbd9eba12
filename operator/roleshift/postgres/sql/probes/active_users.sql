-- Sessions of others that hold or await a lock on the target, its partitions, indexes or TOAST tables, by
-- application. Locks nothing; one pass over the lock table. Autovacuum, which has no user, does not count.
WITH tree AS (
    SELECT relid::oid AS oid FROM pg_catalog.pg_partition_tree(%(oid)s::bigint::oid::regclass)
    UNION SELECT %(oid)s::bigint::oid
),

touched AS (
    SELECT oid FROM tree
    UNION ALL SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid IN (SELECT oid FROM tree)
    UNION ALL SELECT reltoastrelid FROM pg_catalog.pg_class WHERE oid IN (SELECT oid FROM tree)
)

SELECT
    coalesce(nullif(a.application_name, ''), 'no application name') AS application,
    count(DISTINCT coalesce(a.leader_pid, a.pid)) AS sessions
FROM pg_catalog.pg_stat_activity AS a
WHERE
    a.usesysid IS NOT NULL
    AND a.pid <> pg_catalog.pg_backend_pid()
    AND a.application_name IS DISTINCT FROM current_setting('application_name')
    AND a.pid IN (
        SELECT l.pid FROM pg_catalog.pg_locks AS l
        WHERE
            l.locktype IN ('relation', 'tuple', 'extend', 'page')
            AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
            AND l.relation IN (SELECT oid FROM touched)
    )
GROUP BY 1
ORDER BY 2 DESC, 1
