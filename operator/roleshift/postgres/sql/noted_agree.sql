-- Rows of which the table notes the very role that the image has. ACCESS SHARE on both; a scan of both and a hash join.
SELECT count(*) AS rows
FROM {image} AS i
INNER JOIN {target} AS t ON {join}
WHERE {left_by_run} AND {agrees}
