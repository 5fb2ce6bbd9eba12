-- Whether the tables of the ledger and of pg_cron that the checks read are there, and may be read in whole.
-- Locks nothing; catalog only. With row_security off, a policy makes reading an error.
SELECT
    n.nspname || '.' || c.relname AS name,
    pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
    AND NOT pg_catalog.row_security_active(c.oid) AS readable
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) IN (('roleshift', 'migration_run'), ('cron', 'job'))
