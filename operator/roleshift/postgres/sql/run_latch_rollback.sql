-- Latches a request for the old state, and takes note of the retry that stands beside it, which was asked for
-- before; a second one changes nothing. Only the holder may. Locks the run's row.
UPDATE roleshift.migration_run
SET
    rollback_requested_at = coalesce(rollback_requested_at, clock_timestamp()),
    rollback_requested_by = CASE
        WHEN rollback_requested_at IS NULL THEN %(requested_by)s ELSE rollback_requested_by
    END,
    rollback_reason = CASE WHEN rollback_requested_at IS NULL THEN %(reason)s ELSE rollback_reason END,
    retry_token = CASE WHEN rollback_requested_at IS NULL THEN %(retry_token)s ELSE retry_token END
WHERE run_id = %(run_id)s AND epoch = %(epoch)s
RETURNING run_id
