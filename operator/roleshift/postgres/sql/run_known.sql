-- Whether there is a run of that id. Locks nothing; one look-up by primary key.
SELECT EXISTS (SELECT FROM roleshift.migration_run WHERE run_id::text = %(run_id)s) AS known
