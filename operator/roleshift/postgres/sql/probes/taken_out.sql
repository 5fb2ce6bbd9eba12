-- Rows that Merge removes, and rows of a cycle that are taken out and put back, by new role. ACCESS SHARE; one
-- scan, and a look-up by the unique index for each row that is moved.
SELECT
    w.role,
    count(*) FILTER (WHERE w.turn < 0) AS merged,
    count(*) FILTER (WHERE w.turn = 0) AS parked
FROM (SELECT m.to_role AS role, w.turn FROM {source} WHERE {moves}) AS w
WHERE w.turn <= 0
GROUP BY 1
