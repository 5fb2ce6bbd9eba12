-- Whether a line `g` of the log is of a single row, and the last rollback of the run wrote it: what a rollback logs
-- stands between two results. Part of a larger statement; by index.
g.run_id = %(run_id)s AND g.kind IN ('Conflict', 'Overwritten')
AND g.id > (
    SELECT coalesce(max(e.id) FILTER (WHERE e.place = 2), 0)
    FROM (
        SELECT r.id, row_number() OVER (ORDER BY r.id DESC) AS place
        FROM roleshift.migration_rollback_log AS r
        WHERE r.run_id = %(run_id)s AND r.kind = 'Result'
    ) AS e
)
