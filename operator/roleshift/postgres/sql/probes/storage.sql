-- Sizes, tablespaces and what stands against a write. ACCESS SHARE on each relation for a moment; one
-- look into the file system for each file of the database.
WITH tree AS (
    SELECT relid::oid FROM pg_catalog.pg_partition_tree(%(oid)s::bigint::oid::regclass)
    UNION SELECT %(oid)s::bigint::oid
)
SELECT
    pg_catalog.pg_database_size(d.oid) AS database_bytes,
    (SELECT sum(pg_catalog.pg_table_size(relid))::bigint FROM tree) AS table_bytes,
    (SELECT sum(pg_catalog.pg_indexes_size(relid))::bigint FROM tree) AS index_bytes,
    (
        SELECT coalesce(max(counted.indexes), 0) FROM (
            SELECT count(*) AS indexes FROM pg_catalog.pg_index AS i
            WHERE i.indrelid IN (SELECT relid FROM tree) AND i.indislive GROUP BY i.indrelid
        ) AS counted
    ) AS indexes,
    (SELECT sum(pg_catalog.pg_stat_get_live_tuples(relid))::bigint FROM tree) AS live_rows,
    (SELECT sum(pg_catalog.pg_stat_get_dead_tuples(relid))::bigint FROM tree) AS dead_rows,
    (
        SELECT jsonb_agg(DISTINCT s.spcname ORDER BY s.spcname)
        FROM pg_catalog.pg_class AS c
        INNER JOIN pg_catalog.pg_tablespace AS s ON s.oid = coalesce(nullif(c.reltablespace, 0), d.dattablespace)
        WHERE
            c.relkind IN ('r', 'i') AND (
                c.oid IN (SELECT relid FROM tree)
                OR c.oid IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid IN (SELECT relid FROM tree))
            )
    ) AS tablespaces,
    own.spcname AS database_tablespace,
    current_setting('default_tablespace') AS default_tablespace,
    (chosen.oid IS NOT NULL OR current_setting('default_tablespace') = '') AS default_tablespace_exists,
    (
        chosen.oid IS NULL OR chosen.oid = d.dattablespace
        OR has_tablespace_privilege(chosen.oid, 'CREATE')
    ) AS may_create,
    pg_catalog.pg_is_in_recovery() AS in_recovery,
    current_setting('default_transaction_read_only')::boolean AS read_only,
    (SELECT source FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only') AS read_only_source
FROM pg_catalog.pg_database AS d
INNER JOIN pg_catalog.pg_tablespace AS own ON own.oid = d.dattablespace
LEFT JOIN pg_catalog.pg_tablespace AS chosen ON chosen.spcname = current_setting('default_tablespace')
WHERE d.datname = current_database()
