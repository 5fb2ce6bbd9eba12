-- Sizes that an estimate of a run's needs begins with. ACCESS SHARE on each relation for a moment; one look
-- into the file system for each file of the database. Where nobody analyzed, or the role can't read, a
-- width is the type's if all of its values have the same.
WITH tree AS (
    SELECT relid::oid FROM pg_catalog.pg_partition_tree(%(oid)s::bigint::oid::regclass)
    UNION SELECT %(oid)s::bigint::oid
)
SELECT
    pg_catalog.pg_database_size(current_database()) AS database_bytes,
    (SELECT sum(pg_catalog.pg_relation_size(t.relid))::bigint FROM tree AS t) AS heap_bytes,
    (SELECT sum(pg_catalog.pg_indexes_size(t.relid))::bigint FROM tree AS t) AS index_bytes,
    (
        SELECT coalesce(max(counted.indexes), 0) FROM (
            SELECT count(*) AS indexes FROM pg_catalog.pg_index AS i
            WHERE i.indrelid IN (SELECT relid FROM tree) AND i.indislive GROUP BY i.indrelid
        ) AS counted
    ) AS indexes,
    (
        SELECT jsonb_object_agg(a.attname, coalesce(w.width, a.attlen)) FROM pg_catalog.pg_attribute AS a
        LEFT JOIN (
            SELECT s.attname, ceil(max(s.avg_width * (1 - s.null_frac)))::integer AS width
            FROM pg_catalog.pg_stats AS s
            INNER JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname
            INNER JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.tablename
            WHERE c.oid IN (SELECT relid FROM tree) GROUP BY s.attname
        ) AS w ON w.attname = a.attname
        WHERE
            a.attrelid = %(oid)s::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
            AND (w.width IS NOT NULL OR a.attlen > 0)
    ) AS widths
