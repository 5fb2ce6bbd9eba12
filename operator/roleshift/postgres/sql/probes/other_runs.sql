-- Other runs that occupy the target, a partition of it or what it is a partition of; the run that looks
-- occupies nothing yet. Locks nothing; by the index of active runs.
SELECT namespace, name, phase, database_identity <> {database_identity} AS copied
FROM roleshift.migration_run
WHERE
    active AND target_oid IN (
        SELECT relid::oid FROM pg_catalog.pg_partition_tree(%(oid)s::bigint::oid::regclass)
        UNION ALL SELECT relid::oid FROM pg_catalog.pg_partition_ancestors(%(oid)s::bigint::oid::regclass)
        UNION ALL SELECT %(oid)s::bigint::oid
    )
ORDER BY namespace, name
