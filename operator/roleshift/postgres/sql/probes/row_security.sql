-- Whether row-level security hides rows of the target from the run's role. Catalog only; locks nothing.
SELECT
    pg_catalog.row_security_active(c.oid) AS hides_rows,
    c.relrowsecurity AS enabled,
    c.relforcerowsecurity AS forced,
    pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owner
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p')
