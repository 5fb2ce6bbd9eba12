-- Every image that is there, with what it says of itself. Locks nothing; by index of the catalog.
SELECT c.relname AS name, coalesce(obj_description(c.oid, 'pg_class'), '') AS comment
FROM pg_class AS c
WHERE c.relnamespace = to_regnamespace('roleshift') AND c.relkind = 'r' AND c.relname ~ '^migration_backup_.'
    AND c.relname <> 'migration_backup'
ORDER BY c.relname
