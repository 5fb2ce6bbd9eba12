-- Deadlocks in this database since its statistics began anew. Locks nothing; one row of statistics.
SELECT deadlocks AS count, extract(epoch FROM clock_timestamp() - stats_reset)::float8 AS seconds
FROM pg_catalog.pg_stat_database
WHERE datname = current_database()
