-- The server's clock and how far its WAL has come, in bytes. Locks nothing; costs nothing.
SELECT
    pg_catalog.clock_timestamp() AS at,
    (pg_catalog.pg_current_wal_insert_lsn() - '0/0')::bigint AS wal_bytes
