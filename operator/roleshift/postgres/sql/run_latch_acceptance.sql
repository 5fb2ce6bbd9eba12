-- Latches that a person takes the data as they are. Only the holder may, of a run that waits for a decision.
-- Locks the run's row.
UPDATE roleshift.migration_run
SET
    accept_token = %(token)s,
    accepted_at = clock_timestamp(),
    accepted_by = %(by)s,
    acceptance_reason = %(reason)s
WHERE run_id = %(run_id)s AND epoch = %(epoch)s AND reason = 'AwaitingDecision'
RETURNING run_id
