-- Restores the rows of one range, where nobody has touched one since, and compares what was stored. Row locks on
-- the target; a hash join with the range of the image.
WITH restored AS (
    UPDATE {target} AS t
    SET {restorations}
    FROM {image} AS i
    WHERE i.ctid >= %(first)s::tid AND i.ctid < %(last)s::tid AND {join} AND {left_by_run}
    RETURNING ({as_before}) AS fits
)
SELECT count(*) AS rows, count(*) FILTER (WHERE fits) AS fitting FROM restored
