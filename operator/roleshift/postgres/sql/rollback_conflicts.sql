-- What the last rollback of a run logged of single rows, as much as fits into so many bytes, and how many rows
-- there are. Locks nothing; by index, reads every such line of the run.
SELECT c.kind, c.row_key, c.found, c.message, c.number
FROM (
    SELECT
        g.kind,
        g.row_key,
        g.found,
        g.message,
        g.id,
        count(*) OVER () AS number,
        sum(
            64 + octet_length(g.row_key::text) + coalesce(octet_length(g.found::text), 0) + octet_length(g.message)
        ) OVER (ORDER BY g.id) AS bytes
    FROM roleshift.migration_rollback_log AS g
    WHERE {of_last_rollback}
) AS c
WHERE c.bytes <= %(bytes)s
ORDER BY c.id
