-- Rows and checksum of the rows that an image is made from. ACCESS SHARE; one scan.
SELECT
    count(*) AS rows,
    coalesce(sum(pg_catalog.hashtextextended({row}::text, 0)::numeric), 0)::text AS checksum
FROM {source}
WHERE {moves}
