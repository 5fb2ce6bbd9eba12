-- One line of the execution log, if the run was not taken over since. Locks its own row, and the run's
-- row FOR SHARE: it waits for a take-over that is under way, and then appends nothing.
INSERT INTO roleshift.migration_execution_log (
    run_id, epoch, step, outcome, started_at, ended_at, rows, kind, sqlstate, message, xid, written_at,
    work_seconds, lock_seconds, wal_bytes, wal_of, schema_change
)
SELECT
    r.run_id, r.epoch, %(step)s, %(outcome)s, coalesce(%(started_at)s, clock_timestamp()),
    coalesce(%(ended_at)s, clock_timestamp()), %(rows)s, %(kind)s, %(sqlstate)s, %(message)s, %(xid)s,
    %(written_at)s, %(work_seconds)s, %(lock_seconds)s, %(wal_bytes)s, %(wal_of)s, %(schema_change)s
FROM roleshift.migration_run AS r
WHERE r.run_id = %(run_id)s AND r.epoch = %(epoch)s
FOR SHARE
