-- The image's entry in the catalogue of backups. Locks only its own row.
INSERT INTO roleshift.migration_backup (
    name, run_id, method, rows, bytes, checksum, reference_rows, arrived_roles, created_at, expires_at
)
VALUES (
    %(name)s, %(run_id)s, 'Table', %(rows)s, %(bytes)s, %(checksum)s, %(references)s, %(arrived)s,
    now(), now() + make_interval(secs => %(retention)s)
)
