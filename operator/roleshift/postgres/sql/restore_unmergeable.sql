-- Logs every row that Merge removed and that has no place any more: another row has it, or what was kept in
-- its stead has another role now. ACCESS SHARE on the target; a few look-ups by unique index for each such row.
INSERT INTO roleshift.migration_rollback_log (run_id, kind, row_key, message)
SELECT
    %(run_id)s, 'Conflict', jsonb_build_array({key}),
    'the row that was merged into another one has no place any more; it was not brought back'
FROM {image} AS i
WHERE
    i.turn < 0 AND NOT {logged} AND NOT {is_back}
    AND (
        EXISTS (
            SELECT FROM {target} AS o
            WHERE (({same_user} AND {role_of_other} = i.role::text) OR {same_key}) AND NOT {leaves}
        )
        OR (
            EXISTS (SELECT FROM {target} AS o WHERE {same_user})
            AND NOT EXISTS (
                SELECT FROM {target} AS o WHERE {same_user} AND {role_of_other} = i.to_role::text
            )
        )
    )
