-- How far the server's WAL is, in bytes. Locks nothing.
SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint AS bytes
