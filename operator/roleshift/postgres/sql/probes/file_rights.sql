-- Whether the run's role may read the server's files already. Catalog only. Never asked for.
SELECT
    has_function_privilege('pg_catalog.pg_read_file(text, bigint, bigint, boolean)', 'EXECUTE')
    AND pg_catalog.pg_has_role('pg_read_server_files', 'USAGE') AS may_read_files
