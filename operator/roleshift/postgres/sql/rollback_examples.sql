-- Keys of a few rows that the last rollback found changed. Locks nothing; by index.
SELECT g.row_key
FROM roleshift.migration_rollback_log AS g
WHERE {of_last_rollback}
ORDER BY g.id
LIMIT 5
