-- Unique indexes that are invalid, and values that each partition keeps unique for itself only. Catalog only;
-- ACCESS SHARE for a moment where an index has a predicate.
-- An invalid index beside a valid one on the same values (a failed REINDEX CONCURRENTLY) does no harm; what
-- is unique in every partition is unique in the table where it holds the columns of the partitioning.
WITH target AS (
    SELECT c.oid, c.relkind
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p')
),

tree AS (
    SELECT oid, relkind <> 'p' AS isleaf FROM target
    UNION
    SELECT p.relid, p.isleaf
    FROM target
    CROSS JOIN LATERAL pg_catalog.pg_partition_tree(target.oid) AS p
    WHERE target.relkind = 'p'
),

indexes AS (
    SELECT
        ic.relname AS name,
        i.indrelid,
        i.indisvalid,
        tree.isleaf,
        i.indpred IS NULL AND NOT 0 = ANY(i.indkey) AS on_columns,
        coalesce(pg_get_expr(i.indpred, i.indrelid), '') AS predicate,
        NOT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_distinct,
        (
            SELECT array_agg(pg_get_indexdef(i.indexrelid, k, false) ORDER BY k)
            FROM generate_series(1, i.indnkeyatts) AS k
        ) AS columns
    FROM tree
    INNER JOIN pg_catalog.pg_index AS i ON i.indrelid = tree.oid AND i.indisunique
    INNER JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
),

partitioning AS (
    SELECT
        array_agg(DISTINCT quote_ident(a.attname)) AS columns,
        bool_or(0 = ANY(p.partattrs::int2[])) AS by_expression
    FROM tree
    INNER JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = tree.oid
    INNER JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = p.partrelid AND a.attnum = ANY(p.partattrs::int2[])
)

SELECT
    i.name,
    n.nspname AS schema,
    c.relname AS "table",
    to_jsonb(i.columns) AS columns,
    i.predicate,
    i.nulls_distinct,
    false AS per_partition
FROM indexes AS i
INNER JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE
    NOT i.indisvalid
    AND NOT EXISTS (
        SELECT FROM indexes AS v
        WHERE
            v.indrelid = i.indrelid AND v.indisvalid AND v.columns = i.columns
            AND v.predicate IN ('', i.predicate) AND v.nulls_distinct <= i.nulls_distinct
    )
UNION ALL
SELECT
    min(i.name),
    %(schema)s,
    %(table)s,
    to_jsonb(min(i.columns)),
    '',
    bool_and(i.nulls_distinct),
    true
FROM indexes AS i
CROSS JOIN LATERAL (
    SELECT array_agg(u.column_name ORDER BY u.column_name) AS columns FROM unnest(i.columns) AS u (column_name)
) AS named
WHERE
    i.isleaf AND i.indisvalid AND i.on_columns
    AND EXISTS (SELECT FROM target WHERE relkind = 'p')
    AND NOT EXISTS (
        SELECT FROM partitioning AS p WHERE NOT p.by_expression AND p.columns <@ named.columns
    )
    AND NOT EXISTS (
        SELECT FROM indexes AS whole
        INNER JOIN target ON target.oid = whole.indrelid
        WHERE whole.on_columns AND whole.columns <@ named.columns
    )
GROUP BY named.columns
HAVING count(DISTINCT i.indrelid) = (SELECT count(*) FROM tree WHERE isleaf)
