-- Keys of a few conflicts. Locks nothing; by index.
SELECT row_key FROM roleshift.migration_rollback_log
WHERE run_id = %(run_id)s AND kind = 'Conflict'
ORDER BY id
LIMIT 5
