-- Rows that refer to nothing. ACCESS SHARE; a hash anti-join.
SELECT count(*) AS rows
FROM {referring} AS r
WHERE {all_set} AND NOT EXISTS (SELECT FROM {referenced} AS o WHERE {join})
