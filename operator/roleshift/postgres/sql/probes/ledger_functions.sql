-- The registry of functions. Locks nothing; a handful of rows.
SELECT name, version, checksum FROM roleshift.migration_validation_functions
