-- Whether a backup is there and may go now: its run has ended, occupies no table, and nobody asks for its old
-- state; for an expired one its time is over, too, by the server's clock. Locks the rows of run and backup until
-- the transaction ends, so that no rollback begins meanwhile.
SELECT b.name
FROM roleshift.migration_run AS r
INNER JOIN roleshift.migration_backup AS b ON b.run_id = r.run_id
WHERE
    r.run_id = %(run_id)s
    AND b.method = %(method)s
    AND b.removed_at IS NULL
    AND r.completed_at IS NOT NULL
    AND NOT r.active
    AND NOT (r.phase = 'Done' AND r.rollback_requested_at IS NOT NULL)
    AND (%(removal)s <> 'Expired' OR b.expires_at <= clock_timestamp())
FOR UPDATE OF r, b
