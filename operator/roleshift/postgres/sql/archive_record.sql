-- The archive's entry in the catalogue of backups, new or with the delta of the write. Locks only its own row.
INSERT INTO roleshift.migration_backup (
    name, run_id, method, rows, bytes, checksum, manifest_sha256, covers_write, created_at, expires_at
)
VALUES (
    %(url)s, %(run_id)s, 'Archive', %(rows)s, %(bytes)s, %(checksum)s, %(manifest_sha256)s, %(covers_write)s,
    now(), now() + make_interval(secs => %(retention)s)
)
ON CONFLICT (name) DO UPDATE
SET rows = excluded.rows, bytes = excluded.bytes, checksum = excluded.checksum,
    manifest_sha256 = excluded.manifest_sha256, covers_write = excluded.covers_write
