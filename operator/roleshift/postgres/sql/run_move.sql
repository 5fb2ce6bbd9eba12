-- The run's new phase; only its holder may write it. Locks the run's row.
UPDATE roleshift.migration_run
SET
    phase = %(phase)s,
    reason = %(reason)s,
    message = %(message)s,
    active = %(active)s,
    attempts = %(attempts)s,
    phase_started_at = CASE WHEN phase = %(phase)s THEN phase_started_at ELSE clock_timestamp() END,
    completed_at = CASE WHEN %(ended)s THEN coalesce(completed_at, clock_timestamp()) END
WHERE run_id = %(run_id)s AND epoch = %(epoch)s
RETURNING run_id
