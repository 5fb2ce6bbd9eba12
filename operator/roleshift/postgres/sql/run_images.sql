-- The images of some runs. Locks nothing; by index.
SELECT name, run_id FROM roleshift.migration_backup WHERE run_id = ANY(%(run_ids)s) AND method = 'Table' ORDER BY name
