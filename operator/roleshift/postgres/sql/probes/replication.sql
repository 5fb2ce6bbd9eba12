-- Standbys and slots. Locks nothing; reads shared memory. A role without pg_read_all_stats sees that a
-- standby is there, and not how far it is. replay_lag is what the last reply told and stays as it is while
-- nothing is replayed: the time since that reply is added while WAL waits to be applied.
SELECT
    pg_catalog.pg_is_in_recovery() AS in_recovery,
    CASE
        WHEN NOT pg_catalog.pg_is_in_recovery() THEN NULL
        WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
        ELSE extract(epoch FROM clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())
    END::float8 AS own_lag_seconds,
    to_regproc('aurora_version') IS NOT NULL AS shared_storage,
    CASE
        WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN ''
        ELSE current_setting('synchronous_standby_names')
    END AS synchronous,
    (
        SELECT jsonb_agg(jsonb_build_object(
            'name', coalesce(nullif(r.application_name, ''), 'pid ' || r.pid),
            'hidden', r.state IS NULL,
            'synchronous', coalesce(r.sync_state IN ('sync', 'quorum'), false),
            'bytes_behind', greatest(r.behind, 0)::bigint,
            'seconds_behind', CASE
                WHEN r.behind <= 0 THEN 0
                ELSE coalesce(extract(epoch FROM r.replay_lag), 0)
                    + greatest(extract(epoch FROM clock_timestamp() - r.reply_time), 0)
            END::float8
        ) ORDER BY r.application_name, r.pid)
        FROM (
            SELECT
                s.*,
                pg_catalog.pg_wal_lsn_diff(here.lsn, coalesce(s.replay_lsn, s.flush_lsn, s.write_lsn)) AS behind
            FROM pg_catalog.pg_stat_replication AS s
            WHERE s.state IS DISTINCT FROM 'backup'
        ) AS r
    ) AS standbys,
    (
        SELECT jsonb_agg(jsonb_build_object(
            'name', s.slot_name,
            'active', s.active,
            'bytes_held', pg_catalog.pg_wal_lsn_diff(here.lsn, s.restart_lsn)::bigint,
            'wal_status', coalesce(s.wal_status, ''),
            'inactive_seconds', extract(
                epoch FROM clock_timestamp() - (to_jsonb(s) ->> 'inactive_since')::timestamptz
            )::float8
        ) ORDER BY s.slot_name)
        FROM pg_catalog.pg_replication_slots AS s
        WHERE NOT s.temporary
    ) AS slots
FROM (
    SELECT CASE
        WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
        ELSE pg_catalog.pg_current_wal_lsn()
    END AS lsn
) AS here
