-- Where the log of a run's rollbacks ends now: what comes after is of this one. Locks nothing; by index.
SELECT coalesce(max(id), 0) AS marker FROM roleshift.migration_rollback_log WHERE run_id = %(run_id)s
