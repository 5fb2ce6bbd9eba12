-- Foreign keys of the target that use a column which a run writes. Catalog only.
SELECT
    k.conname AS name,
    fn.nspname AS referenced_schema,
    fc.relname AS referenced_table,
    (
        SELECT jsonb_agg(jsonb_build_array(a.attname, fa.attname) ORDER BY p.position)
        FROM unnest(k.conkey, k.confkey) WITH ORDINALITY AS p (attnum, fattnum, position)
        INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.attnum
        INNER JOIN pg_catalog.pg_attribute AS fa ON fa.attrelid = k.confrelid AND fa.attnum = p.fattnum
    ) AS columns
FROM pg_catalog.pg_constraint AS k
INNER JOIN pg_catalog.pg_class AS fc ON fc.oid = k.confrelid
INNER JOIN pg_catalog.pg_namespace AS fn ON fn.oid = fc.relnamespace
WHERE
    k.conrelid = %(oid)s::bigint::oid
    AND k.contype = 'f'
    AND EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = k.conrelid AND a.attnum = ANY(k.conkey) AND a.attname = ANY(%(written)s)
    )
ORDER BY 1
