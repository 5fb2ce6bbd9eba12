-- Brings back rows that Merge removed, with every column. Row locks on the target; by the image's rows.
INSERT INTO {target} ({names}) OVERRIDING SYSTEM VALUE
SELECT {columns}
FROM {image} AS i
WHERE i.turn < 0 AND NOT {logged} AND NOT {is_back} AND EXISTS (SELECT FROM {target} AS o WHERE {same_user})
