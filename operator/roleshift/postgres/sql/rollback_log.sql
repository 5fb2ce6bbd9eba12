-- One line of the rollback log. Locks only its own row.
INSERT INTO roleshift.migration_rollback_log (
    run_id, kind, message, requested_by, rows_restored, conflicts, remaining
)
VALUES (
    %(run_id)s, %(kind)s, %(message)s, %(requested_by)s, %(rows_restored)s, %(conflicts)s, %(remaining)s
)
