-- Other runs that occupy a target. Locks nothing; by the index of active runs.
SELECT namespace, name FROM roleshift.migration_run
WHERE target_oid = %(target_oid)s::bigint::oid AND active AND run_id <> %(run_id)s
