-- What a rollback came to, for the log of rollbacks. Locks only its own row.
INSERT INTO roleshift.migration_rollback_log (
    run_id, kind, message, requested_by, on_conflict, rows_restored, conflicts, remaining
)
VALUES (
    %(run_id)s, 'Result', %(message)s, %(requested_by)s, %(on_conflict)s, %(rows_restored)s, %(conflicts)s,
    %(remaining)s
)
