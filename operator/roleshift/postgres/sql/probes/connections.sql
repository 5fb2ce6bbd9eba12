-- Client connections, limits and this session's server process. Locks nothing; reads shared memory.
-- A role without pg_read_all_stats does not see what kind of process another role's session is:
-- WAL senders are told by pg_stat_replication, the server's own processes have no user or no database.
SELECT
    pg_catalog.pg_backend_pid() AS backend_pid,
    current_setting('max_connections')::integer AS maximum,
    CASE WHEN me.rolsuper THEN 0 ELSE
        current_setting('superuser_reserved_connections')::integer
        + coalesce(current_setting('reserved_connections', true)::integer, 0)
    END AS reserved,
    CASE WHEN me.rolsuper OR me.rolconnlimit < 0 THEN NULL ELSE me.rolconnlimit END AS role_limit,
    CASE WHEN me.rolsuper OR d.datconnlimit < 0 THEN NULL ELSE d.datconnlimit END AS database_limit,
    clients.*
FROM pg_catalog.pg_roles AS me
INNER JOIN pg_catalog.pg_database AS d ON d.datname = current_database()
CROSS JOIN LATERAL (
    SELECT
        count(*) AS used,
        count(*) FILTER (WHERE a.usesysid = me.oid) AS role_used,
        count(*) FILTER (WHERE a.datid = d.oid) AS database_used,
        count(*) FILTER (
            WHERE a.usesysid = me.oid AND a.application_name = current_setting('application_name')
        ) AS own
    FROM pg_catalog.pg_stat_activity AS a
    WHERE
        a.usesysid IS NOT NULL AND a.datid IS NOT NULL
        AND coalesce(a.backend_type, 'client backend') = 'client backend'
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_replication AS r WHERE r.pid = a.pid)
) AS clients
WHERE me.rolname = session_user
