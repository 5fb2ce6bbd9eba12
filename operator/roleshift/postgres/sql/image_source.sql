-- Rows and checksum, by role, of the rows that an image is made from. ACCESS SHARE; one scan.
SELECT
    t.{role}::text AS role,
    count(*) AS rows,
    coalesce(sum(pg_catalog.hashtextextended({row}::text, 0)::numeric), 0)::text AS checksum
FROM {target} AS t
GROUP BY 1
