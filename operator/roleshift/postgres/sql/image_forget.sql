-- Takes the entry of a dropped image out of the catalogue. Locks only its own row.
DELETE FROM roleshift.migration_backup WHERE run_id = %(run_id)s AND method = 'Table'
