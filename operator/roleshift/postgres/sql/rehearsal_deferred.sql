-- Constraints and constraint triggers that begin a transaction deferred, by the names that SET CONSTRAINTS
-- takes: it means all of one name in a schema, so a name counts only if all of them are. Locks nothing.
SELECT n.nspname AS schema, c.conname AS name
FROM pg_catalog.pg_constraint AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.connamespace
GROUP BY n.nspname, c.conname
HAVING bool_and(c.condeferrable AND c.condeferred)
ORDER BY n.nspname, c.conname
