-- Notes which report of a run was written. Only the holder may. Locks the run's row.
UPDATE roleshift.migration_run SET reported = %(reported)s WHERE run_id = %(run_id)s AND epoch = %(epoch)s
