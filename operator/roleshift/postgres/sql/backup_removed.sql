-- Notes that a backup was removed, and why; the entry stays. Locks only its own row.
UPDATE roleshift.migration_backup
SET removed_at = clock_timestamp(), removal_reason = %(reason)s
WHERE name = %(name)s
