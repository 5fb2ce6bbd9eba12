-- What the server's archiver did, and how many whole WAL segments wait for it. Statistics and settings only;
-- a plain role sees all of it, except for the command.
SELECT
    current_setting('archive_mode') AS mode,
    coalesce(current_setting('archive_command', true), '') <> ''
    OR coalesce(current_setting('archive_library', true), '') <> '' AS configured,
    extract(epoch FROM clock_timestamp() - a.last_archived_time)::float8 AS seconds_since_archived,
    a.last_archived_wal AS last_archived,
    a.last_failed_wal AS last_failed,
    a.last_failed_time IS NOT NULL
    AND a.last_failed_time >= coalesce(a.last_archived_time, '-infinity') AS failing,
    CASE WHEN length(a.last_archived_wal) = 24 AND NOT pg_catalog.pg_is_in_recovery() THEN greatest(0, (
        div(pg_catalog.pg_current_wal_lsn() - '0/0'::pg_lsn, s.size)
        - ('x' || substr(a.last_archived_wal, 9, 8))::bit(32)::bigint * (4294967296 / s.size)
        - ('x' || substr(a.last_archived_wal, 17, 8))::bit(32)::bigint
        - 1
    ))::bigint END AS waiting
FROM pg_catalog.pg_stat_archiver AS a
CROSS JOIN (SELECT pg_catalog.pg_size_bytes(current_setting('wal_segment_size')) AS size) AS s
