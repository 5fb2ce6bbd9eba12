-- Raises the epoch. Waits, up to lock_timeout, for writers that hold the row FOR SHARE.
UPDATE roleshift.migration_run
SET epoch = epoch + 1, holder = %(holder)s, backends = %(backends)s
WHERE run_id = %(run_id)s
RETURNING epoch
