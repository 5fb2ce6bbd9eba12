-- The same under an index whose expressions or predicate read the role. ACCESS SHARE; one scan and a sort.
SELECT
    coalesce(sum(g.rows - 1), 0)::bigint AS collisions,
    coalesce(jsonb_agg(g.example ORDER BY g.example) FILTER (WHERE g.position <= 5), '[]') AS examples
FROM (
    SELECT count(*) AS rows, left({example}, 100) AS example, row_number() OVER () AS position
    FROM (
        SELECT {keys}
        FROM (
            SELECT {columns}
            FROM {target} AS o
            {mapped}
        ) AS t
        WHERE {indexed}
    ) AS v
    WHERE {all_set}
    GROUP BY {grouped}
    HAVING count(*) > 1
) AS g
