-- For how long the run has been in its phase, by the server's clock. Locks nothing; one row by primary key.
SELECT extract(epoch FROM clock_timestamp() - phase_started_at)::float8 AS seconds
FROM roleshift.migration_run
WHERE run_id = %(run_id)s
