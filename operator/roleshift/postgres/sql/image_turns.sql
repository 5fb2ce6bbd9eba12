-- The turns in which the rows of an image are written, and how many rows each has. ACCESS SHARE; one scan.
SELECT i.turn, count(*) AS rows
FROM {image} AS i
GROUP BY 1
ORDER BY 1
