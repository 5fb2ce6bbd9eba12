-- What the run's role may do to the target, to the tables around it, and to the ledger. Catalog only.
-- LOCK TABLE asks for a right on the whole table, as has_table_privilege tells it; MAINTAIN is of version 17.
SELECT
    has_schema_privilege(c.relnamespace, 'USAGE') AS may_use_schema,
    NOT EXISTS (
        SELECT FROM unnest(%(read)s::text[]) AS r (name)
        WHERE has_column_privilege(c.oid, r.name, 'SELECT') IS NOT TRUE
    ) AS may_select,
    NOT EXISTS (
        SELECT FROM unnest(%(written)s::text[]) AS w (name)
        WHERE has_column_privilege(c.oid, w.name, 'UPDATE') IS NOT TRUE
    ) AS may_update,
    has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') OR CASE
        WHEN current_setting('server_version_num')::integer >= 170000
            THEN has_table_privilege(c.oid, 'MAINTAIN')
        ELSE false
    END AS may_lock,
    current_setting('server_version_num')::integer >= 170000 AS knows_maintain,
    has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
    n.oid IS NOT NULL AS schema_present,
    n.oid IS NOT NULL AND has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE')
    AS may_create_in_schema,
    (
        SELECT jsonb_object_agg(t.relname, (
            SELECT jsonb_agg(p.privilege) FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
            WHERE has_table_privilege(t.oid, p.privilege)
        ))
        FROM pg_catalog.pg_class AS t WHERE t.relnamespace = n.oid AND t.relkind = 'r'
    ) AS ledger_privileges,
    (
        SELECT jsonb_agg(DISTINCT jsonb_build_array(o.schema, o.name)) FROM (
            SELECT fn.nspname AS schema, f.relname AS name, f.oid, fn.oid AS of
            FROM pg_catalog.pg_constraint AS k
            INNER JOIN pg_catalog.pg_class AS f ON f.oid = k.confrelid
            INNER JOIN pg_catalog.pg_namespace AS fn ON fn.oid = f.relnamespace
            WHERE
                k.contype = 'f' AND k.conrelid = c.oid
                AND EXISTS (
                    SELECT FROM pg_catalog.pg_attribute AS a
                    WHERE a.attrelid = c.oid AND a.attnum = ANY(k.conkey) AND a.attname = ANY(%(written)s::text[])
                )
            UNION
            SELECT an.nspname, ac.relname, ac.oid, an.oid
            FROM unnest(%(schemas)s::text[], %(tables)s::text[]) AS s (schema, name)
            INNER JOIN pg_catalog.pg_namespace AS an ON an.nspname = s.schema
            INNER JOIN pg_catalog.pg_class AS ac ON ac.relnamespace = an.oid AND ac.relname = s.name
        ) AS o
        WHERE NOT (has_schema_privilege(o.of, 'USAGE') AND has_any_column_privilege(o.oid, 'SELECT'))
    ) AS unreadable
FROM pg_catalog.pg_class AS c
LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = 'roleshift'
WHERE c.oid = %(oid)s::bigint::oid
