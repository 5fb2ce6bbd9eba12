-- Maintenance and COPY under way on the target, its partitions or TOAST tables. Locks nothing; the progress
-- views and one pass over the lock table. A role without pg_read_all_stats sees only that another role's
-- command is under way, and finds by its locks whether that is on the target. An autovacuum yields to the
-- write, unless it works against wraparound.
WITH tree AS (
    SELECT relid::oid AS oid FROM pg_catalog.pg_partition_tree(%(oid)s::bigint::oid::regclass)
    UNION SELECT %(oid)s::bigint::oid
),

tables AS (
    SELECT oid, relfrozenxid, relminmxid, reloptions FROM pg_catalog.pg_class
    WHERE
        oid IN (SELECT oid FROM tree)
        OR oid IN (SELECT reltoastrelid FROM pg_catalog.pg_class WHERE oid IN (SELECT oid FROM tree))
),

overdue AS (
    SELECT coalesce(bool_or(
        (relfrozenxid <> '0' AND pg_catalog.age(relfrozenxid) > least(
            current_setting('autovacuum_freeze_max_age')::bigint,
            (
                SELECT option_value::bigint FROM pg_catalog.pg_options_to_table(reloptions)
                WHERE option_name = 'autovacuum_freeze_max_age'
            )
        ))
        OR (relminmxid <> '0' AND pg_catalog.mxid_age(relminmxid) > least(
            current_setting('autovacuum_multixact_freeze_max_age')::bigint,
            (
                SELECT option_value::bigint FROM pg_catalog.pg_options_to_table(reloptions)
                WHERE option_name = 'autovacuum_multixact_freeze_max_age'
            )
        ))
    ), false) AS tables
    FROM tables
),

held AS (
    SELECT pid, bool_or(mode NOT IN ('AccessShareLock', 'RowShareLock')) AS blocks
    FROM pg_catalog.pg_locks
    WHERE
        locktype = 'relation'
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        AND relation IN (SELECT oid FROM tables)
    GROUP BY pid
),

progress AS (
    SELECT pid, relid, 'VACUUM' AS command, phase FROM pg_catalog.pg_stat_progress_vacuum
    UNION ALL
    SELECT pid, relid, 'ANALYZE', phase FROM pg_catalog.pg_stat_progress_analyze
    UNION ALL
    SELECT pid, relid, coalesce(command, 'CREATE INDEX'), phase FROM pg_catalog.pg_stat_progress_create_index
    UNION ALL
    SELECT pid, relid, coalesce(command, 'CLUSTER'), phase FROM pg_catalog.pg_stat_progress_cluster
    UNION ALL
    SELECT pid, relid, coalesce(command, 'COPY'), NULL FROM pg_catalog.pg_stat_progress_copy
)

SELECT
    'pid ' || p.pid || ' (' || CASE
        WHEN a.usesysid IS NULL THEN 'autovacuum'
        ELSE coalesce(nullif(a.application_name, ''), 'no application name')
    END || ')' AS who,
    p.command || CASE WHEN p.phase IS NULL THEN '' ELSE ' (' || p.phase || ')' END AS command,
    CASE
        WHEN NOT coalesce(h.blocks, true) THEN 'None'
        WHEN a.usesysid IS NOT NULL THEN 'Blocks'
        WHEN a.query LIKE '%%(to prevent wraparound)' THEN 'Blocks'
        WHEN a.query LIKE 'autovacuum:%%' OR NOT (SELECT tables FROM overdue) THEN 'Yields'
        ELSE 'Blocks'
    END AS hindrance
FROM progress AS p
INNER JOIN pg_catalog.pg_stat_activity AS a ON a.pid = p.pid
LEFT JOIN held AS h ON h.pid = p.pid
WHERE
    a.application_name IS DISTINCT FROM current_setting('application_name')
    AND coalesce(nullif(p.relid, 0) IN (SELECT oid FROM tables), h.pid IS NOT NULL)
ORDER BY p.pid
