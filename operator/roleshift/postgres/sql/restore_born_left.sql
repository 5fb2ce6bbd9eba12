-- Rows born since that keep a role which nobody held before the run. ACCESS SHARE on the target; an anti-join.
SELECT count(*) AS rows
FROM {target} AS t
WHERE {holds_new} AND {scope} AND {unknown}
