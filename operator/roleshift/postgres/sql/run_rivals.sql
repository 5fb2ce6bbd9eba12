-- Other runs that occupy a target, and whether each was copied here with its database. Locks nothing; by the
-- index of active runs.
SELECT
    r.run_id::text,
    r.namespace,
    r.name,
    r.cluster_uid <> %(cluster_uid)s AS elsewhere,
    r.database_identity <> {database_identity} AS copied
FROM roleshift.migration_run AS r
WHERE r.target_oid = %(target_oid)s::bigint::oid AND r.active AND r.run_id <> %(run_id)s
