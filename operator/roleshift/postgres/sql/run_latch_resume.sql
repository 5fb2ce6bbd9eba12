-- Latches that a person has the run verified again. Only the holder may, of a run that waits for a decision.
-- Locks the run's row.
UPDATE roleshift.migration_run
SET
    resume_token = %(token)s,
    reason = 'Validating',
    message = 'a person asked for a new verification'
WHERE run_id = %(run_id)s AND epoch = %(epoch)s AND reason = 'AwaitingDecision'
RETURNING run_id
