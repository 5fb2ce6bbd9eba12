-- Locks on the target that conflict with SHARE ROW EXCLUSIVE, and sessions waiting for one. Locks nothing.
SELECT
    l.pid,
    l.granted,
    l.mode,
    coalesce(a.application_name, '') AS application,
    extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::float8 AS seconds
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE
    l.locktype = 'relation'
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    AND l.relation IN (
        SELECT relid FROM pg_catalog.pg_partition_tree(%(oid)s::bigint::oid::regclass)
        UNION ALL SELECT %(oid)s::bigint::oid
    )
    AND l.pid <> pg_catalog.pg_backend_pid()
    AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
