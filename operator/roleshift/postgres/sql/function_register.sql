-- Enters a function into the registry, or corrects its entry. Locks only its own row.
INSERT INTO roleshift.migration_validation_functions (name, version, checksum, purpose)
VALUES ({name}, {version}, {checksum}, {purpose})
ON CONFLICT (name) DO UPDATE
SET version = excluded.version, checksum = excluded.checksum, purpose = excluded.purpose, registered_at = now()
