-- Notes that a backup was removed, and why; its entry stays. Locks that row.
UPDATE roleshift.migration_backup
SET removed_at = clock_timestamp(), removal_reason = %(removal)s
WHERE run_id = %(run_id)s AND method = %(method)s
