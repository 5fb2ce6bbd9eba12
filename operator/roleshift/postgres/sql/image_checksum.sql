-- Rows and order-independent checksum of an image. ACCESS SHARE; one scan.
SELECT
    count(*) AS rows,
    coalesce(sum(pg_catalog.hashtextextended({row}::text, 0)::numeric), 0)::text AS checksum,
    pg_catalog.pg_total_relation_size(%(image)s::regclass) AS bytes
FROM {image} AS i
