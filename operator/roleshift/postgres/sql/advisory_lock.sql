-- The session lock on a target, or false when another session holds it. Never waits.
SELECT pg_catalog.pg_try_advisory_lock(%(key)s) AS locked
