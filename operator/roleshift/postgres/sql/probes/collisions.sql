-- Rows that would share a unique value once their roles are mapped. ACCESS SHARE; one scan and a sort.
SELECT
    coalesce(sum(g.rows - 1), 0)::bigint AS collisions,
    coalesce(jsonb_agg(g.example ORDER BY g.example) FILTER (WHERE g.position <= 5), '[]') AS examples
FROM (
    SELECT count(*) AS rows, left({example}, 100) AS example, row_number() OVER () AS position
    FROM (SELECT * FROM {target} WHERE {indexed}) AS t
    {mapped}
    WHERE {role} IS NOT NULL{others_set}
    GROUP BY {after}{others}
    HAVING count(*) > 1
) AS g
