-- Logs every row of the image that is neither as before nor as the run left it: somebody changed it since, and
-- what it holds now is noted. ACCESS SHARE on the target; a scan of both and a hash join.
WITH logged AS (
    INSERT INTO roleshift.migration_rollback_log (run_id, kind, row_key, message, found)
    SELECT
        %(run_id)s, c.kind, c.row_key,
        CASE c.kind
            WHEN 'Overwritten' THEN 'the role was changed after the migration; it was overwritten'
            ELSE 'the role was changed after the migration; it was left as it is'
        END,
        c.found
    FROM (
        SELECT
            CASE WHEN {overwritten} THEN 'Overwritten' ELSE 'Conflict' END AS kind,
            jsonb_build_array({key}) AS row_key,
            {found} AS found
        FROM {image} AS i
        {joins}
        WHERE {written} AND {changed}
    ) AS c
    RETURNING kind
)
SELECT
    count(*) FILTER (WHERE kind = 'Conflict') AS left_as_is,
    count(*) FILTER (WHERE kind = 'Overwritten') AS overwritten
FROM logged
