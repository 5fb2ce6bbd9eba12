-- The table compared with the image, row by row. ACCESS SHARE; a scan of both and a hash join.
-- A row that the run wrote carries its transaction in xmin; one that nobody wrote still has the version
-- in the image; any other was changed by somebody since. Rows that Merge removed are not there to compare.
SELECT
    count(*) AS rows,
    count(*) FILTER (WHERE NOT present) AS deleted_since,
    count(*) FILTER (WHERE untouched) AS not_migrated,
    count(*) FILTER (WHERE ours AND NOT role_fits) AS wrong_role,
    count(*) FILTER (WHERE ours AND NOT previous_role_fits) AS wrong_previous_role,
    count(*) FILTER (WHERE ours AND NOT seniority_fits) AS wrong_seniority,
    count(*) FILTER (WHERE ours AND NOT migrated_at_fits) AS wrong_timestamp,
    count(*) FILTER (WHERE present AND NOT ours AND NOT untouched) AS changed_since
FROM (
    SELECT
        {first_key} IS NOT NULL AS present,
        t.xmin::text::bigint = %(xid)s AS ours,
        t.xmin::text::bigint = i.row_version AS untouched,
        {role_fits} AS role_fits,
        {previous_role_fits} AS previous_role_fits,
        {seniority_fits} AS seniority_fits,
        {migrated_at_fits} AS migrated_at_fits
    FROM {image} AS i
    LEFT JOIN {target} AS t ON {join}
    WHERE {written}
) AS compared
