-- The names that a lookup table gives to its keys. ACCESS SHARE on it; one scan, cut short.
SELECT l.{key}::text AS key, l.{name}::text AS name FROM {table} AS l LIMIT {limit}
