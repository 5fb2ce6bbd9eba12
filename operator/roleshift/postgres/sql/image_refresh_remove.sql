-- Takes out of the image what is new, changed or gone since. Only the run uses the image.
DELETE FROM {image} AS i
WHERE NOT EXISTS (
    SELECT FROM {source}
    WHERE {join} AND t.xmin::text::bigint = i.row_version AND {moves}
)
