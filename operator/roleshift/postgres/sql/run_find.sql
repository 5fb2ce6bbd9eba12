-- The latest attempt of a run with its image and log, and whether it was copied here with its database.
-- Forgotten ones are left out. Row lock: none; by unique index.
SELECT
    r.*,
    r.target_oid::bigint AS target_oid_number,
    r.database_identity <> {database_identity} AS copied,
    (
        SELECT jsonb_object_agg(b.method, to_jsonb(b))
        FROM roleshift.migration_backup AS b
        WHERE b.run_id = r.run_id
    ) AS backups,
    (
        SELECT jsonb_agg(to_jsonb(l) ORDER BY l.id)
        FROM roleshift.migration_execution_log AS l
        WHERE l.run_id = r.run_id
    ) AS log
FROM roleshift.migration_run AS r
WHERE
    r.cluster_uid = %(cluster_uid)s
    AND r.namespace = %(namespace)s
    AND r.name = %(name)s
    AND r.spec_hash = %(spec_hash)s
    AND r.forgotten_at IS NULL
ORDER BY r.attempt DESC
LIMIT 1
