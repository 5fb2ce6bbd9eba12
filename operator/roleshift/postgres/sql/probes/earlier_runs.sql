-- Finished runs on the target that can be told apart row by row by their image. Locks nothing; by index.
SELECT b.name, r.plan -> 'proof' -> 'cells' AS cells, r.plan -> 'shape' -> 'key' AS key
FROM roleshift.migration_run AS r
INNER JOIN roleshift.migration_backup AS b ON b.run_id = r.run_id
WHERE
    r.target_oid = %(oid)s::bigint::oid
    AND r.phase = 'Done'
    AND EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = to_regclass(format('roleshift.%%I', b.name)) AND a.attname = 'to_role'
    )
ORDER BY r.created_at
