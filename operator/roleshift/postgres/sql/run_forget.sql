-- Marks the runs of a name that were copied here with their database, and those that occupy a target, as
-- forgotten: nothing looks at them any more. Only their holder could write them, and has none here. Locks
-- their rows; reads the table of runs, which has one row for each attempt.
UPDATE roleshift.migration_run AS r
SET active = false, forgotten_at = clock_timestamp(), forgotten_by = %(forgotten_by)s
WHERE
    r.forgotten_at IS NULL
    AND r.database_identity <> {database_identity}
    AND (
        (r.namespace = %(namespace)s AND r.name = %(name)s)
        OR (r.active AND r.target_oid = %(target_oid)s::bigint::oid)
    )
RETURNING r.run_id, r.namespace, r.name
