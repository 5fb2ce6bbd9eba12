-- Logs rows of the image that are neither as before nor as the run left them: somebody changed them since, and
-- what they hold now is noted. ACCESS SHARE on the target; a scan of both and a hash join.
INSERT INTO roleshift.migration_rollback_log (run_id, kind, row_key, message, found)
SELECT %(run_id)s, {kind}, jsonb_build_array({key}), {message}, {found}
FROM {image} AS i
{joins}
WHERE {written} AND {changed}
