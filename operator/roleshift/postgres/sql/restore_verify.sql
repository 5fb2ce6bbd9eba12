-- The restored table against the image. ACCESS SHARE; a scan of both and a hash join.
SELECT
    count(*) FILTER (WHERE {first_key} IS NULL) AS deleted_since,
    count(*) FILTER (WHERE {first_key} IS NOT NULL AND NOT ({as_before})) AS not_restored,
    (
        SELECT count(*) FROM {target} AS t
        WHERE
            t.{role}::text = ANY(%(new_only)s)
            AND NOT EXISTS (SELECT FROM {image} AS i WHERE {join})
    ) AS born_left
FROM {image} AS i
LEFT JOIN {target} AS t ON {join}
