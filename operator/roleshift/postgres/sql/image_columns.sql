-- The columns of an image, and the types in which they are archived: what is no built-in type goes as text. ACCESS
-- SHARE on catalogs.
SELECT
    a.attname AS name,
    format_type(a.atttypid, a.atttypmod) AS type,
    CASE
        WHEN a.atttypid < 16384 AND (t.typelem = 0 OR t.typelem < 16384)
            THEN format_type(a.atttypid, a.atttypmod)
        ELSE 'text'
    END AS copied
FROM pg_catalog.pg_attribute AS a
INNER JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = %(image)s::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
