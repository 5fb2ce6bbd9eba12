-- How the table stands before a restore: rows that are as the run wrote them, to the version, and others that
-- hold a role which may have come with the run. ACCESS SHARE on the target; one scan.
SELECT
    count(*) FILTER (WHERE {left_by_run}) AS left_by_run,
    count(*) FILTER (WHERE NOT {left_by_run} AND {holds_new}) AS others
FROM {target} AS t
