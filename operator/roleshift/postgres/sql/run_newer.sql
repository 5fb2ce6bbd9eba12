-- The last of the runs that wrote to a run's target after it and were not rolled back. Locks nothing; reads the
-- table of runs, which has one row for each attempt, and the log by index.
SELECT r.run_id::text, r.namespace, r.name, r.cluster_uid <> own.cluster_uid AS elsewhere
FROM roleshift.migration_run AS own
INNER JOIN roleshift.migration_execution_log AS wrote
    ON wrote.run_id = own.run_id AND wrote.step = 'Migrating' AND wrote.outcome = 'Succeeded'
INNER JOIN roleshift.migration_run AS r
    ON r.target_oid = own.target_oid AND r.run_id <> own.run_id
INNER JOIN roleshift.migration_execution_log AS l
    ON l.run_id = r.run_id AND l.step = 'Migrating' AND l.outcome = 'Succeeded'
WHERE
    own.run_id = %(run_id)s
    AND l.id > wrote.id
    AND r.phase <> 'RolledBack'
    AND r.forgotten_at IS NULL
    AND r.database_identity = own.database_identity
ORDER BY l.id DESC
LIMIT 1
