-- The table's columns, in order. Locks nothing; by index.
SELECT array_agg(attname::text ORDER BY attnum) AS names
FROM pg_catalog.pg_attribute
WHERE attrelid = %(oid)s AND attnum > 0 AND NOT attisdropped
