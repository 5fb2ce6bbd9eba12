-- How the table differs from the image since it was made. ACCESS SHARE; a scan of both and a hash join.
SELECT
    count(*) FILTER (WHERE i.row_version IS NULL) AS added,
    count(*) FILTER (WHERE t.row_version IS NULL) AS gone,
    count(*) FILTER (WHERE t.row_version <> i.row_version) AS changed
FROM (
    SELECT {keys}, t.xmin::text::bigint AS row_version
    FROM {source}
    WHERE {moves}
) AS t
FULL JOIN {image} AS i ON {join}
WHERE i.row_version IS DISTINCT FROM t.row_version
