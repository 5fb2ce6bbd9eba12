-- The transaction's number and time; assigns the number. Locks nothing.
SELECT
    pg_catalog.pg_current_xact_id()::text::bigint AS xid,
    pg_catalog.transaction_timestamp() AS started
