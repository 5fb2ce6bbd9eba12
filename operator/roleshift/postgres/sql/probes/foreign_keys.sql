-- Foreign keys to and from the target and its partitions. Catalog only; locks nothing.
-- A key that a partition has from its parent is the parent's. "enforced" came with version 18, as did keys
-- over periods, whose rows are not counted. Disabled triggers leave a key that nobody watches.
WITH tree AS (
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
)

SELECT
    k.conname AS name,
    rn.nspname AS referring_schema,
    rc.relname AS referring_table,
    fn.nspname AS referenced_schema,
    fc.relname AS referenced_table,
    k.conrelid IN (SELECT oid FROM tree) AS from_target,
    k.confrelid IN (SELECT oid FROM tree) AS to_target,
    k.confupdtype AS on_update,
    k.convalidated AS validated,
    coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AS enforced,
    coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false) AS over_periods,
    NOT EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgconstraint = k.oid AND t.tgenabled = 'D'
    ) AS watched,
    (
        SELECT jsonb_agg(jsonb_build_array(a.attname, fa.attname) ORDER BY p.position)
        FROM unnest(k.conkey, k.confkey) WITH ORDINALITY AS p (attnum, fattnum, position)
        INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.attnum
        INNER JOIN pg_catalog.pg_attribute AS fa ON fa.attrelid = k.confrelid AND fa.attnum = p.fattnum
    ) AS columns
FROM pg_catalog.pg_constraint AS k
INNER JOIN pg_catalog.pg_class AS rc ON rc.oid = k.conrelid
INNER JOIN pg_catalog.pg_namespace AS rn ON rn.oid = rc.relnamespace
INNER JOIN pg_catalog.pg_class AS fc ON fc.oid = k.confrelid
INNER JOIN pg_catalog.pg_namespace AS fn ON fn.oid = fc.relnamespace
WHERE
    k.contype = 'f'
    AND (k.conrelid IN (SELECT oid FROM tree) OR k.confrelid IN (SELECT oid FROM tree))
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS parent
        WHERE
            parent.oid = k.conparentid
            AND (parent.conrelid IN (SELECT oid FROM tree) OR parent.confrelid IN (SELECT oid FROM tree))
    )
ORDER BY 1, 2, 3
