-- Logs every row whose old place another row has taken that will not leave it. ACCESS SHARE on the target;
-- a hash join and one look-up by the unique index for each row.
INSERT INTO roleshift.migration_rollback_log (run_id, kind, row_key, message, found)
SELECT
    %(run_id)s, 'Conflict', jsonb_build_array({key}),
    'another row has the old role under a unique constraint; it was left as it is', {found}
FROM {image} AS i
INNER JOIN {target} AS t ON {join}
WHERE
    {written} AND {movable} AND NOT {logged}
    AND EXISTS (
        SELECT FROM {target} AS o
        WHERE {same_place} AND {role_of_other} = i.role::text AND NOT ({same_row}) AND NOT {leaves}
    )
