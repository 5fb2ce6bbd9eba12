-- Latches a request for the old state; a second one changes nothing. Locks the run's row.
UPDATE roleshift.migration_run
SET
    rollback_requested_at = clock_timestamp(),
    rollback_requested_by = %(requested_by)s,
    rollback_reason = %(reason)s
WHERE run_id = %(run_id)s AND rollback_requested_at IS NULL
