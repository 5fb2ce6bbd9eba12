-- Rows for each role. ACCESS SHARE on the target; one sequential scan.
SELECT {role}::text AS role, count(*) AS rows, count(*) FILTER (WHERE {earlier}) AS earlier
FROM {target} AS t
WHERE {scope}
GROUP BY 1
