-- What is computed from the role column, and what names a role that goes away. Catalog only; ACCESS SHARE
-- for a moment on tables with policies, views of the target, and tables with a default of the role's enum.
-- A role is named where it is a quoted literal, or an element of a list, an array's text or JSON in one.
-- Functions of extensions, in C or internal (languages 12 and 13), and of schema roleshift are left out.
WITH target AS (
    SELECT c.oid, c.relkind, a.attnum, a.atttypid, t.typtype, t.typdefault, t.oid AS type_oid
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
    INNER JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    WHERE
        n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p')
        AND a.attname = %(role)s AND NOT a.attisdropped
),

tree AS (
    SELECT oid FROM target
    UNION
    SELECT p.relid
    FROM target
    CROSS JOIN LATERAL pg_catalog.pg_partition_tree(target.oid) AS p
    WHERE target.relkind = 'p'
),

views AS (
    -- A view of whole rows, or of none of their columns, may name a role, but is not known to read it.
    WITH RECURSIVE reached AS (
        SELECT r.ev_class AS oid, d.refobjsubid > 0 AS reads
        FROM target
        INNER JOIN pg_catalog.pg_depend AS d
            ON
                d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = target.oid
                AND d.refobjsubid IN (0, target.attnum) AND d.classid = 'pg_catalog.pg_rewrite'::regclass
        INNER JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
        INNER JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
        UNION
        SELECT r.ev_class, reached.reads
        FROM reached
        INNER JOIN pg_catalog.pg_depend AS d
            ON
                d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = reached.oid
                AND d.classid = 'pg_catalog.pg_rewrite'::regclass
        INNER JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
        INNER JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
    )

    SELECT oid, bool_or(reads) AS reads FROM reached GROUP BY oid
),

candidates AS (
    SELECT
        'policy' AS kind,
        p.polname || ' on ' || n.nspname || '.' || c.relname AS name,
        concat_ws(
            ' ',
            'USING ' || pg_get_expr(p.polqual, p.polrelid),
            'WITH CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid)
        ) AS definition,
        false AS computed
    FROM pg_catalog.pg_policy AS p
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    UNION ALL
    SELECT
        CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END,
        n.nspname || '.' || c.relname,
        pg_get_viewdef(c.oid),
        views.reads
    FROM views
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = views.oid AND c.relkind IN ('v', 'm')
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    UNION ALL
    SELECT
        'function',
        n.nspname || '.' || p.proname,
        coalesce(nullif(p.prosrc, ''), pg_get_function_sqlbody(p.oid)),
        false
    FROM pg_catalog.pg_proc AS p
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE
        n.nspname NOT IN ('pg_catalog', 'information_schema', 'roleshift')
        AND p.prolang NOT IN (12, 13)
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE
                d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        )
    UNION ALL
    SELECT
        CASE
            WHEN a.attgenerated <> '' THEN 'generated column'
            WHEN a.attname = %(role)s AND c.oid IN (SELECT oid FROM tree) THEN 'default of the role column'
            ELSE 'default'
        END,
        n.nspname || '.' || c.relname || '.' || a.attname,
        pg_get_expr(d.adbin, d.adrelid),
        a.attgenerated <> ''
    FROM target
    INNER JOIN pg_catalog.pg_attrdef AS d ON true
    INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = d.adrelid
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE
        CASE
            WHEN a.attgenerated <> '' THEN EXISTS (
                SELECT FROM pg_catalog.pg_depend AS p
                WHERE
                    d.adrelid = target.oid AND p.objid IN (d.oid, target.oid)
                    AND p.classid IN ('pg_catalog.pg_attrdef'::regclass, 'pg_catalog.pg_class'::regclass)
                    AND (p.classid = 'pg_catalog.pg_attrdef'::regclass OR p.objsubid = d.adnum)
                    AND p.refobjid = target.oid AND p.refobjsubid = target.attnum
            )
            WHEN target.typtype = 'e' AND a.atttypid = target.atttypid THEN true
            ELSE a.attname = %(role)s AND c.oid IN (SELECT oid FROM tree)
        END
    UNION ALL
    SELECT
        'default of the role column',
        'type ' || format_type(target.type_oid, NULL),
        target.typdefault,
        false
    FROM target
    WHERE
        target.typdefault IS NOT NULL AND target.typtype = 'd'
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_attrdef AS d
            WHERE d.adrelid = target.oid AND d.adnum = target.attnum
        )
    UNION ALL
    SELECT 'trigger', t.tgname || ' on ' || n.nspname || '.' || c.relname, pg_get_triggerdef(t.oid), false
    FROM tree
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = tree.oid
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    INNER JOIN pg_catalog.pg_trigger AS t
        ON t.tgrelid = tree.oid AND t.tgparentid = 0 AND (t.tgqual IS NOT NULL OR t.tgnargs > 0)
    UNION ALL
    SELECT 'index', ic.relname, pg_get_indexdef(i.indexrelid), false
    FROM target
    INNER JOIN pg_catalog.pg_index AS i ON i.indrelid = target.oid
    INNER JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
    WHERE i.indpred IS NOT NULL OR i.indexprs IS NOT NULL
),

found AS (
    SELECT
        c.kind,
        c.name,
        c.definition,
        c.computed,
        ARRAY(
            SELECT r.role
            FROM unnest(%(vanishing)s::text[]) WITH ORDINALITY AS r (role, position)
            WHERE CASE
                WHEN position(quote_literal(r.role) IN c.definition) > 0 THEN true
                WHEN position(r.role IN c.definition) = 0 THEN false
                ELSE EXISTS (
                    SELECT FROM regexp_matches(
                        regexp_replace(c.definition, '--[^\n]*', '', 'g'), '''([^'']*)''', 'g'
                    ) AS literals
                    WHERE r.role = ANY(regexp_split_to_array(literals[1], '\s*[],:"\x5B\x7B\x7D]+\s*'))
                )
            END
            ORDER BY r.position
        ) AS roles
    FROM candidates AS c
)

SELECT
    f.kind,
    f.name,
    left(f.definition, 2000) || CASE WHEN length(f.definition) > 2000 THEN '…' ELSE '' END AS definition,
    to_jsonb(f.roles) AS roles
FROM found AS f
WHERE f.computed OR cardinality(f.roles) > 0
ORDER BY cardinality(f.roles) = 0, f.kind, f.name
LIMIT 200
