-- Latches the approval of the plan that the run has now; the same one again changes nothing.
-- Only the holder may. Locks the run's row.
UPDATE roleshift.migration_run
SET
    approved_hash = plan_hash,
    approved_at = CASE WHEN approved_hash = plan_hash THEN approved_at ELSE clock_timestamp() END,
    approved_by = CASE WHEN approved_hash = plan_hash THEN approved_by ELSE %(approved_by)s END,
    approval_reason = CASE WHEN approved_hash = plan_hash THEN approval_reason ELSE %(reason)s END,
    approved_plan = plan
WHERE run_id = %(run_id)s AND epoch = %(epoch)s AND plan_hash = %(plan_hash)s
RETURNING run_id
