-- Rows too many where no valid index keeps values unique, with up to five pairs. ACCESS SHARE; scan and sort.
SELECT
    coalesce(sum(g.rows - 1), 0)::bigint AS duplicates,
    coalesce(jsonb_agg(g.example ORDER BY g.example) FILTER (WHERE g.position <= 5), '[]') AS examples
FROM (
    SELECT
        count(*) AS rows,
        min(left(t.key, 60)) || ' and ' || max(left(t.key, 60)) AS example,
        row_number() OVER () AS position
    FROM (SELECT {key} AS key, {values} FROM {table} WHERE {indexed}) AS t
    WHERE {all_set}
    GROUP BY {grouped}
    HAVING count(*) > 1
) AS g
