-- Logs every row of the image that is neither as before nor as the run left it: somebody changed it
-- since. ACCESS SHARE on the target; a scan of both and a hash join.
INSERT INTO roleshift.migration_rollback_log (run_id, kind, row_key, message)
SELECT
    %(run_id)s, 'Conflict', jsonb_build_array({key}),
    'the role was changed after the migration; it was left as it is'
FROM {image} AS i
{joins}
WHERE {written} AND {changed}
