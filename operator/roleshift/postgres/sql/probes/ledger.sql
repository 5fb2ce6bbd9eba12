-- What the schema roleshift holds and may be read of it. Catalog only, by index.
SELECT
    c.relname::text AS name,
    has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
    NULL::text AS checksum
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'roleshift' AND c.relkind = 'r' AND c.relname = ANY(%(ledger_tables)s)
UNION ALL
SELECT
    f.signature,
    true,
    encode(sha256(convert_to(concat_ws(
        E'\n', f.signature, f.returns, f.language, f.definer, f.settings, f.source
    ), 'UTF8')), 'hex')
FROM (
    SELECT
        p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' AS signature,
        pg_catalog.pg_get_function_result(p.oid) AS returns,
        l.lanname AS language,
        p.prosecdef::text AS definer,
        array_to_string(p.proconfig, E'\n') AS settings,
        p.prosrc AS source
    FROM pg_catalog.pg_proc AS p
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    INNER JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    WHERE n.nspname = 'roleshift' AND p.prokind = 'f'
) AS f
WHERE f.signature = ANY(%(ledger_functions)s)
