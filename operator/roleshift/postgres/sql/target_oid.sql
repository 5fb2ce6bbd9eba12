-- The table that has the target's name now. Locks nothing; catalog only, by index.
SELECT c.oid::bigint AS oid
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s
