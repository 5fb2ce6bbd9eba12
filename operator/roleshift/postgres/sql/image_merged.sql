-- Rows that Merge removes, by the role that they would have had. ACCESS SHARE; one scan of the image.
SELECT i.to_role::text AS role, count(*) AS rows
FROM {image} AS i
WHERE i.turn < 0
GROUP BY 1
