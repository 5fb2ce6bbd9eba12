-- Elements for each role, and rows. ACCESS SHARE on the target; two scans, each row's array taken apart twice.
-- There is a row also where nobody holds any role: it has the numbers of rows. `lost` counts, by the new
-- role, elements that become equal within one row.
SELECT r.role, r.rows, r.earlier, r.lost, s.total, s.moving, s.nested
FROM (
    SELECT
        count(*) AS total,
        count(*) FILTER (WHERE {moves}) AS moving,
        count(*) FILTER (WHERE array_ndims({role}) > 1) AS nested
    FROM {target} AS t
    WHERE {scope}
) AS s
LEFT JOIN (
    SELECT c.role, sum(c.rows)::bigint AS rows, sum(c.earlier)::bigint AS earlier, sum(c.lost)::bigint AS lost
    FROM (
        SELECT e.role::text AS role, 1 AS rows, ({earlier})::int AS earlier, 0 AS lost
        FROM {target} AS t
        CROSS JOIN LATERAL (
            SELECT unnest({role}) AS role
            UNION ALL
            SELECT NULL WHERE {role} IS NULL
        ) AS e
        WHERE {scope}
        UNION ALL
        SELECT d.role, 0, 0, d.lost
        FROM {target} AS t
        CROSS JOIN LATERAL (
            SELECT coalesce(m.to_role, e.role::text) AS role, count(*)::int - 1 AS lost
            FROM unnest({role}) AS e (role)
            LEFT JOIN {mapping} ON m.from_role = e.role::text
            GROUP BY 1
            HAVING count(*) > 1
        ) AS d
        WHERE {scope} AND {moves}
    ) AS c
    GROUP BY 1
) AS r ON true
