-- One line of the execution log. Locks only its own row, and the run's row FOR KEY SHARE.
INSERT INTO roleshift.migration_execution_log (
    run_id, epoch, step, outcome, started_at, ended_at, rows, kind, sqlstate, message, xid, written_at
)
VALUES (
    %(run_id)s, %(epoch)s, %(step)s, %(outcome)s, coalesce(%(started_at)s, clock_timestamp()),
    clock_timestamp(), %(rows)s, %(kind)s, %(sqlstate)s, %(message)s, %(xid)s, %(written_at)s
)
