-- Users' triggers that an UPDATE of the written columns fires, partitions included. Catalog only.
-- A trigger that a partition has from its parent is the parent's; a disabled one does not fire.
SELECT
    t.tgname AS name,
    n.nspname || '.' || c.relname AS "table",
    CASE WHEN t.tgtype & 2 <> 0 THEN 'BEFORE' WHEN t.tgtype & 64 <> 0 THEN 'INSTEAD OF' ELSE 'AFTER' END
    || ' UPDATE ' || CASE WHEN t.tgtype & 1 <> 0 THEN 'row' ELSE 'statement' END
    || ' trigger "' || t.tgname || '" on ' || n.nspname || '.' || c.relname AS description,
    t.tgtype & 3 = 3 AS before_row,
    p.proname AS function,
    l.lanname AS language,
    CASE WHEN length(p.prosrc) <= 50000 THEN p.prosrc ELSE '' END AS source
FROM (
    SELECT c.oid
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p')
    UNION
    SELECT p.relid
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) AS p
    WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind = 'p'
) AS tree
INNER JOIN pg_catalog.pg_class AS c ON c.oid = tree.oid
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
INNER JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = c.oid
INNER JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
INNER JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE
    NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled IN ('O', 'A') AND t.tgtype & 16 <> 0
    AND (
        cardinality(t.tgattr::int2[]) = 0
        OR EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum = ANY(t.tgattr::int2[]) AND a.attname = ANY(%(written)s)
        )
    )
ORDER BY 2, 1
