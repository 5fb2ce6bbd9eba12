-- The backups of all ended runs of one object that were not removed. Row lock: none; by unique index.
SELECT b.name, b.run_id::text AS run_id, b.method
FROM roleshift.migration_run AS r
INNER JOIN roleshift.migration_backup AS b ON b.run_id = r.run_id
WHERE
    r.cluster_uid = %(cluster_uid)s AND r.namespace = %(namespace)s AND r.name = %(name)s
    AND r.database_identity = {database_identity}
    AND NOT r.active AND b.removed_at IS NULL
ORDER BY b.method, b.name
