-- Rules of the target that an UPDATE meets; those of partitions are not met by way of their parent. Catalog only.
SELECT r.rulename AS name, n.nspname || '.' || c.relname AS "table", r.is_instead AS instead
FROM pg_catalog.pg_rewrite AS r
INNER JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE
    n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p')
    AND r.ev_type = '2' AND r.ev_enabled IN ('O', 'A')
ORDER BY 1
