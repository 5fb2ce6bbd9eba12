-- Rows and order-independent checksum over whole rows. ACCESS SHARE; one scan.
SELECT
    count(*) AS rows,
    coalesce(sum(pg_catalog.hashtextextended(ROW({columns})::text, 0)::numeric), 0)::text AS checksum
FROM {target} AS t
