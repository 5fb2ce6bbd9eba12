-- The backups that are there of all ended runs of one object, whatever its spec was; archives first. Row lock:
-- none; by unique index.
SELECT b.run_id::text, b.method, b.name
FROM roleshift.migration_run AS r
INNER JOIN roleshift.migration_backup AS b ON b.run_id = r.run_id
WHERE
    r.cluster_uid = %(cluster_uid)s AND r.namespace = %(namespace)s AND r.name = %(name)s
    AND r.database_identity = {database_identity}
    AND r.completed_at IS NOT NULL AND NOT r.active AND b.removed_at IS NULL
ORDER BY b.method, b.name
