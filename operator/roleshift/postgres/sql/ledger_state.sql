-- Whether the ledger is there. Locks nothing; catalog only, by index. Reads the catalog itself, because
-- to_regclass answers from a cache that may not know yet what another session has just committed.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'roleshift' AND c.relname = 'ledger_version'
) AS present
