-- What becomes of one array of roles: each element mapped, duplicates removed, the first one's place kept.
-- Part of a larger statement; locks nothing. The seniority is that of the strongest new role which gives one.
(
    SELECT
        array_agg(n.role ORDER BY n.position)::text AS to_role,
        (array_agg(n.seniority ORDER BY n.rank) FILTER (WHERE n.seniority IS NOT NULL))[1] AS seniority
    FROM (
        SELECT
            coalesce(r.to_role, e.role::text) AS role,
            min(e.position) AS position,
            (array_agg(r.seniority ORDER BY r.rank) FILTER (WHERE r.seniority IS NOT NULL))[1] AS seniority,
            min(r.rank) FILTER (WHERE r.seniority IS NOT NULL) AS rank
        FROM unnest({array}) WITH ORDINALITY AS e (role, position)
        LEFT JOIN {mapping} ON r.from_role = e.role::text
        GROUP BY 1
    ) AS n
)
