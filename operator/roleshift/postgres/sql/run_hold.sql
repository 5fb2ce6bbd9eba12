-- Waits, up to lock_timeout, for writers that hold the row FOR SHARE, and keeps others out until the end.
-- One row by primary key.
SELECT epoch FROM roleshift.migration_run WHERE run_id = %(run_id)s FOR UPDATE
