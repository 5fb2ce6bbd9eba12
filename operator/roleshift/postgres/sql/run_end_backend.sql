-- Ends one recorded backend and waits for it, unless its pid was given to somebody else.
-- Needs the same role, or pg_signal_backend. Locks nothing.
SELECT pg_catalog.pg_terminate_backend(pid, %(timeout_ms)s) AS ended
FROM pg_catalog.pg_stat_activity
WHERE pid = %(pid)s AND backend_start::text = %(started_at)s AND pid <> pg_catalog.pg_backend_pid()
