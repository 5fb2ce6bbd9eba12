-- Logs every row of the image that is neither as before nor as the run left it: somebody changed it
-- since. ACCESS SHARE on the target; a scan of both and a hash join.
INSERT INTO roleshift.migration_rollback_log (run_id, kind, row_key, message)
SELECT
    %(run_id)s, 'Conflict', jsonb_build_array({key}),
    'the role was changed after the migration; it was left as it is'
FROM {image} AS i
INNER JOIN unnest(%(from_roles)s::text[], %(to_roles)s::text[], %(seniorities)s::text[])
    AS m (from_role, to_role, seniority) ON m.from_role = i.role::text
INNER JOIN {target} AS t ON {join}
WHERE NOT {as_left} AND NOT ({as_before})
