-- Keys of a few rows that the last rollback found changed; what it logged stands between two results. Locks
-- nothing; by index.
SELECT g.row_key
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
ORDER BY g.id
LIMIT 5
