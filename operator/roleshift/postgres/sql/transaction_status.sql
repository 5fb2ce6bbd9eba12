-- What became of a transaction: committed, aborted, in progress, or NULL when that is forgotten.
SELECT pg_catalog.pg_xact_status(%(xid)s::text::xid8) AS status
