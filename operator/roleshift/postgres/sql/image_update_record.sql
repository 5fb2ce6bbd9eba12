-- The image's figures after the write refreshed it. Locks only its own row.
UPDATE roleshift.migration_backup
SET rows = %(rows)s, bytes = %(bytes)s, checksum = %(checksum)s, arrived_roles = %(arrived)s
WHERE name = %(name)s
