-- Whether a column or an enum's value is there already. Locks nothing; an index look-up in the catalog.
SELECT CASE
    WHEN %(column)s::text IS NOT NULL THEN EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = %(oid)s::bigint::oid AND a.attname = %(column)s AND NOT a.attisdropped
    )
    ELSE EXISTS (
        SELECT FROM pg_catalog.pg_enum AS e
        WHERE e.enumtypid = to_regtype(%(enum)s) AND e.enumlabel = %(label)s
    )
END AS there
