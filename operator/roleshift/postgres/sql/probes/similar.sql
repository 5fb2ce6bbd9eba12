-- Tables that the role can see, for a guess at what was meant. Catalog only.
SELECT n.nspname AS schema, c.relname AS "table"
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'roleshift')
ORDER BY 1, 2
LIMIT 1000
