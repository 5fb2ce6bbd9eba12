-- Parked rows that came back with another value in a column that the run does not write, and the triggers that
-- may have changed it. ACCESS SHARE; one look-up by key a row.
SELECT
    count(*) AS rows,
    (
        SELECT string_agg(g.tgname, ', ' ORDER BY g.tgname)
        FROM pg_catalog.pg_trigger AS g
        WHERE g.tgrelid = %(oid)s::bigint::oid AND NOT g.tgisinternal AND g.tgtype & 4 <> 0
    ) AS triggers
FROM {parking} AS p
INNER JOIN {image} AS i ON {taken}
LEFT JOIN {target} AS t ON {placed}
WHERE NOT ({same})
