-- The backends that the ledger records for a run. Row lock: none; by primary key.
SELECT backends, epoch FROM roleshift.migration_run WHERE run_id = %(run_id)s
