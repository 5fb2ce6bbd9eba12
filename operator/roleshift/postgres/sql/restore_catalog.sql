-- What the catalog says of the table and of the image at the time of a restore. ACCESS SHARE on catalogs; a few
-- index look-ups.
WITH target AS (
    SELECT c.oid, c.relkind
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname = %(table)s
),
members AS (
    SELECT t.oid FROM target AS t
    UNION
    SELECT p.relid FROM target AS t CROSS JOIN LATERAL pg_catalog.pg_partition_tree(t.oid) AS p
    WHERE t.relkind = 'p'
),
role_type AS (
    SELECT e.oid, e.typtype, format_type(e.oid, NULL) AS name
    FROM target AS t
    INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attname = %(role)s AND a.attnum > 0
    INNER JOIN pg_catalog.pg_type AS own ON own.oid = a.atttypid
    INNER JOIN pg_catalog.pg_type AS base
        ON base.oid = CASE WHEN own.typtype = 'd' THEN own.typbasetype ELSE own.oid END
    INNER JOIN pg_catalog.pg_type AS e
        ON e.oid = CASE WHEN base.typcategory = 'A' THEN base.typelem ELSE base.oid END
)
SELECT
    (SELECT t.oid::bigint FROM target AS t) AS oid,
    (
        SELECT jsonb_agg(jsonb_build_object(
            'name', a.attname,
            'type', format_type(a.atttypid, a.atttypmod),
            'retyped', (a.atttypid, a.atttypmod) IS DISTINCT FROM (k.atttypid, k.atttypmod)
        ))
        FROM target AS t
        CROSS JOIN unnest(%(names)s::text[], %(kept)s::text[]) AS wanted (name, kept)
        INNER JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = t.oid AND a.attname = wanted.name AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_catalog.pg_attribute AS k
            ON k.attrelid = to_regclass(%(image)s) AND k.attname = wanted.kept
    ) AS columns,
    (
        SELECT jsonb_agg(a.attname)
        FROM target AS t
        INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid
        WHERE a.attnum > 0 AND NOT a.attisdropped
    ) AS names,
    (
        SELECT jsonb_agg(
            jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
            ORDER BY a.attnum
        )
        FROM target AS t
        INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid
        WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ) AS insertable,
    (SELECT r.name FROM role_type AS r) AS enum,
    (
        SELECT jsonb_agg(l.enumlabel ORDER BY l.enumsortorder)
        FROM role_type AS r
        INNER JOIN pg_catalog.pg_enum AS l ON l.enumtypid = r.oid
        WHERE r.typtype = 'e'
    ) AS labels,
    (
        SELECT jsonb_agg(m.name ORDER BY m.name)
        FROM (
            SELECT g.tgname AS name
            FROM members AS x
            INNER JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = x.oid
            WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 16 <> 0
            UNION
            SELECT w.rulename
            FROM members AS x
            INNER JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = x.oid
        ) AS m
    ) AS meddlers
