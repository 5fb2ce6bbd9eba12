-- Rows that refer to a role of the target which changes. ACCESS SHARE; one scan of the table that refers.
SELECT count(*) AS rows
FROM {referring} AS r
WHERE {all_set} AND r.{column}::text = ANY(%(changed_roles)s::text[])
