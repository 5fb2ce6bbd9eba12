-- Locks on the target that conflict with SHARE ROW EXCLUSIVE, or come with locks on single rows (ROW SHARE:
-- which rows, nobody can see), and sessions waiting for one. Locks nothing.
-- A prepared transaction has no pid. Age and application of another role's session are hidden from a
-- role without pg_read_all_stats. Autovacuum, which has no user, yields to the write by itself.
SELECT
    l.virtualtransaction AS holder,
    l.granted,
    l.mode,
    CASE
        WHEN l.pid IS NULL THEN 'prepared transaction ' || coalesce(p.gid, '?')
        ELSE 'pid ' || l.pid || ' (' || coalesce(nullif(a.application_name, ''), 'no application name') || ')'
    END AS who,
    extract(epoch FROM clock_timestamp() - coalesce(p.prepared, a.xact_start, a.backend_start))::float8
    AS seconds
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
LEFT JOIN pg_catalog.pg_locks AS x
    ON
        x.locktype = 'transactionid' AND x.virtualtransaction = l.virtualtransaction
        AND x.pid IS NULL AND l.pid IS NULL
LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction = x.transactionid
WHERE
    l.locktype = 'relation'
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    AND l.relation IN (
        SELECT relid FROM pg_catalog.pg_partition_tree(%(oid)s::bigint::oid::regclass)
        UNION ALL SELECT %(oid)s::bigint::oid
    )
    AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
    AND (l.pid IS NULL OR a.usesysid IS NOT NULL)
    AND l.mode <> 'AccessShareLock'
