-- A few images of this cluster's runs whose time was over an hour ago and that nobody removed: their object is
-- gone, or had a later attempt. Those of other owners are left to them, and so are runs that were copied here.
-- Locks nothing; reads the catalogue of backups, which has one row for each attempt.
SELECT b.run_id::text, b.method, b.name, r.namespace, r.name AS object_name
FROM roleshift.migration_backup AS b
INNER JOIN roleshift.migration_run AS r ON r.run_id = b.run_id
LEFT JOIN pg_class AS c ON c.relname = b.name AND c.relnamespace = to_regnamespace('roleshift')
WHERE
    b.method = 'Table'
    AND b.removed_at IS NULL
    AND b.expires_at < clock_timestamp() - interval '1 hour'
    AND r.completed_at IS NOT NULL
    AND NOT r.active
    AND r.cluster_uid = %(cluster_uid)s
    AND r.database_identity = {database_identity}
    AND (c.oid IS NULL OR pg_has_role(c.relowner, 'USAGE'))
ORDER BY b.expires_at
LIMIT %(most)s
