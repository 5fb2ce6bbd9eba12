-- Rows for each role. ACCESS SHARE on the target; one sequential scan.
SELECT t.{role}::text AS role, count(*) AS rows FROM {target} AS t GROUP BY 1
