-- Takes the entries of a run's backups, which are removed, out of the catalogue. Locks only these rows.
DELETE FROM roleshift.migration_backup WHERE run_id = %(run_id)s
