-- Whether a row of the image is logged as a conflict of this rollback. Part of a larger statement; by index.
EXISTS (
    SELECT FROM roleshift.migration_rollback_log AS g
    WHERE
        g.run_id = %(run_id)s AND g.id > %(marker)s AND g.kind = 'Conflict'
        AND g.row_key = jsonb_build_array({key})
)
