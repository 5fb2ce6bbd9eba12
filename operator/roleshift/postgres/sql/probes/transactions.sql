-- Transactions of others that are open in this database, prepared ones too. Locks nothing; one pass over
-- sessions and locks. The start of another role's transaction is hidden from a role without
-- pg_read_all_stats, but not that one is open: each holds the lock on its own virtual transaction.
-- A plain VACUUM holds nothing back, and autovacuum, which has no user, neither.
SELECT
    l.virtualtransaction AS holder,
    'pid ' || a.pid || ' (' || coalesce(nullif(a.application_name, ''), 'no application name') || ')' AS who,
    'Session' AS kind,
    coalesce(a.state, '') AS state,
    extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
FROM pg_catalog.pg_stat_activity AS a
LEFT JOIN pg_catalog.pg_locks AS l
    ON
        l.pid = a.pid AND l.locktype = 'virtualxid' AND l.granted
        AND l.virtualxid = l.virtualtransaction
WHERE
    a.datname = current_database()
    AND a.usesysid IS NOT NULL
    AND a.leader_pid IS NULL
    AND a.pid <> pg_catalog.pg_backend_pid()
    AND a.application_name IS DISTINCT FROM current_setting('application_name')
    AND (a.xact_start IS NOT NULL OR l.virtualtransaction IS NOT NULL)
    AND a.pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum)
UNION ALL
SELECT
    NULL,
    'prepared transaction ' || gid,
    'Prepared',
    'prepared',
    extract(epoch FROM clock_timestamp() - prepared)::float8
FROM pg_catalog.pg_prepared_xacts
WHERE database = current_database()
ORDER BY seconds DESC NULLS LAST, who
