-- What the last rollback of a run logged of single rows, as much as fits into so many bytes, and how many rows
-- there are; what it logged stands between two results. Locks nothing; by index, reads every such line of the run.
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
    WHERE
        g.run_id = %(run_id)s AND g.kind IN ('Conflict', 'Overwritten')
        AND g.id > (
            SELECT coalesce(max(e.id) FILTER (WHERE e.place = 2), 0)
            FROM (
                SELECT r.id, row_number() OVER (ORDER BY r.id DESC) AS place
                FROM roleshift.migration_rollback_log AS r
                WHERE r.run_id = %(run_id)s AND r.kind = 'Result'
            ) AS e
        )
) AS c
WHERE c.bytes <= %(bytes)s
ORDER BY c.id
