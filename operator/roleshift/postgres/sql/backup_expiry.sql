-- When the backups of a run that has ended may go: so many seconds after its end. Locks the rows of its backups,
-- two at most; by index.
UPDATE roleshift.migration_backup AS b
SET expires_at = r.completed_at + make_interval(secs => %(retention)s)
FROM roleshift.migration_run AS r
WHERE r.run_id = %(run_id)s AND b.run_id = r.run_id AND r.completed_at IS NOT NULL AND b.removed_at IS NULL
