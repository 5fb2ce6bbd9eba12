-- The restored table against the image. ACCESS SHARE; a scan of both and a hash join.
SELECT
    count(*) FILTER (WHERE NOT c.restored AND NOT c.accounted) AS deleted_since,
    count(*) FILTER (WHERE NOT c.restored AND c.accounted) AS not_restored
FROM (
    SELECT
        ({before_key} IS NOT NULL AND ({as_before}) AND NOT {logged}) IS TRUE AS restored,
        {present} OR {logged} AS accounted
    FROM {image} AS i
    {joins}
) AS c
