-- Blocks found in shared buffers and not found there. Locks nothing; reads shared memory.
SELECT blks_hit AS hits, blks_read AS reads
FROM pg_catalog.pg_stat_database
WHERE datname = current_database()
