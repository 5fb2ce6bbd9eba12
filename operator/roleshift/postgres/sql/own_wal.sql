-- How much WAL this session wrote, as last reported: not while its transaction is open. Locks nothing.
SELECT pg_catalog.pg_backend_pid() AS pid, w.wal_bytes::bigint AS wal_bytes
FROM pg_catalog.pg_stat_get_backend_wal(pg_catalog.pg_backend_pid()) AS w
