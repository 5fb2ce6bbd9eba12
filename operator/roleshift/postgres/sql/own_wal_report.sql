-- Has this session report its statistics when the statement ends; they wait up to a second otherwise.
-- Locks nothing; costs nothing.
SELECT pg_catalog.pg_stat_force_next_flush()
