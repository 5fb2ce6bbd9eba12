-- The tables of spec.target.assignments and their columns. Catalog only; locks nothing.
SELECT
    a.schema,
    a.table,
    c.oid IS NOT NULL AS present,
    (
        SELECT jsonb_agg(att.attname ORDER BY att.attnum)
        FROM pg_catalog.pg_attribute AS att
        WHERE att.attrelid = c.oid AND att.attnum > 0 AND NOT att.attisdropped
    ) AS columns
FROM unnest(%(assigned_schemas)s::text[], %(assigned_tables)s::text[])
    WITH ORDINALITY AS a (schema, "table", position)
LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = a.schema
LEFT JOIN pg_catalog.pg_class AS c
    ON c.relnamespace = n.oid AND c.relname = a.table AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY a.position
