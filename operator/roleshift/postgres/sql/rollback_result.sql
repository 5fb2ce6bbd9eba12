-- The result of the last rollback of a run. Locks nothing; by index.
SELECT rows_restored, conflicts, remaining
FROM roleshift.migration_rollback_log
WHERE run_id = %(run_id)s AND kind = 'Result'
ORDER BY id DESC
LIMIT 1
