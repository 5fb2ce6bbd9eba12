-- What the catalog says of the target. ACCESS SHARE on catalogs; a few index look-ups.
SELECT
    c.oid::bigint AS oid,
    n.nspname AS schema,
    c.relname AS "table",
    c.relkind::text AS kind,
    greatest(c.reltuples, 0)::bigint AS rows_estimated,
    CASE WHEN c.relkind IN ('r', 'p') THEN (
        SELECT sum(pg_catalog.pg_total_relation_size(p.relid))::bigint
        FROM pg_catalog.pg_partition_tree(c.oid) AS p
    ) ELSE 0 END AS bytes,
    pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
    (
        SELECT jsonb_agg(jsonb_build_object(
            'name', a.attname,
            'type_name', format_type(a.atttypid, a.atttypmod),
            'base_type', format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END, NULL),
            'category', t.typcategory,
            'not_null', a.attnotnull,
            'generated', a.attgenerated <> '' OR a.attidentity = 'a',
            'identity', a.attidentity = 'a',
            'element_category', coalesce((
                SELECT e.typcategory
                FROM pg_catalog.pg_type AS b
                INNER JOIN pg_catalog.pg_type AS e ON e.oid = b.typelem
                WHERE
                    t.typcategory = 'A'
                    AND b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
            ), ''),
            'constrained', t.typtype = 'd' AND (
                t.typnotnull
                OR EXISTS (SELECT FROM pg_catalog.pg_constraint AS dc WHERE dc.contypid = t.oid)
            )
        ) ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        INNER JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS columns,
    (
        SELECT jsonb_agg(jsonb_build_object(
            'name', ic.relname,
            'columns', CASE WHEN 0 = ANY(i.indkey) THEN '[]'::jsonb ELSE (
                SELECT jsonb_agg(a.attname ORDER BY k.position)
                FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
                INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
                WHERE k.position <= i.indnkeyatts
            ) END,
            'keys', (
                SELECT jsonb_agg(pg_get_indexdef(i.indexrelid, k, false) ORDER BY k)
                FROM generate_series(1, i.indnkeyatts) AS k
            ),
            'reads_role', (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND EXISTS (
                SELECT FROM pg_catalog.pg_depend AS d
                INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
                WHERE
                    d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
                    AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid
                    AND a.attname = %(role)s
            ),
            'predicate', coalesce(pg_get_expr(i.indpred, i.indrelid), ''),
            'nulls_distinct', NOT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
            'primary', i.indisprimary,
            'valid', i.indisvalid AND i.indpred IS NULL AND NOT 0 = ANY(i.indkey) AND i.indimmediate
        ) ORDER BY i.indisprimary DESC, ic.relname)
        FROM pg_catalog.pg_index AS i
        INNER JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
        WHERE i.indrelid = c.oid AND i.indisunique
    ) AS unique_indexes,
    (
        SELECT jsonb_agg(t.tgname ORDER BY t.tgname)
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 16 <> 0
    ) AS triggers,
    (
        SELECT jsonb_agg(h.inhrelid::regclass::text ORDER BY h.inhrelid::regclass::text)
        FROM pg_catalog.pg_inherits AS h
        WHERE h.inhparent = c.oid AND c.relkind = 'r'
    ) AS heirs,
    (
        SELECT jsonb_agg(DISTINCT a.attname)
        FROM pg_catalog.pg_partition_tree(CASE WHEN c.relkind = 'p' THEN c.oid END) AS tree
        INNER JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = tree.relid
        INNER JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = p.partrelid AND a.attnum = ANY(p.partattrs::int2[])
    ) AS partition_columns,
    (
        SELECT jsonb_build_object(
            'enum_type', quote_ident(tn.nspname) || '.' || quote_ident(t.typname),
            'owned', pg_catalog.pg_has_role(t.typowner, 'USAGE'),
            'labels', (
                SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder)
                FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid
            ),
            'used_by', (
                SELECT jsonb_agg(used.by ORDER BY used.by) FROM (
                    SELECT format('%%I.%%I.%%I', un.nspname, uc.relname, ua.attname) AS by
                    FROM pg_catalog.pg_attribute AS ua
                    INNER JOIN pg_catalog.pg_class AS uc ON uc.oid = ua.attrelid
                    INNER JOIN pg_catalog.pg_namespace AS un ON un.oid = uc.relnamespace
                    WHERE
                        ua.atttypid IN (t.oid, t.typarray) AND NOT ua.attisdropped AND uc.relkind IN ('r', 'p')
                        AND NOT uc.relispartition AND uc.oid <> c.oid AND un.nspname <> 'roleshift'
                ) AS used
            )
        )
        FROM pg_catalog.pg_attribute AS a
        INNER JOIN pg_catalog.pg_type AS at ON at.oid = a.atttypid
        INNER JOIN pg_catalog.pg_type AS bt
            ON bt.oid = CASE WHEN at.typtype = 'd' THEN at.typbasetype ELSE at.oid END
        INNER JOIN pg_catalog.pg_type AS t
            ON t.oid = CASE WHEN bt.typcategory = 'A' THEN bt.typelem ELSE bt.oid END
        INNER JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.typnamespace
        WHERE a.attrelid = c.oid AND a.attname = %(role)s AND t.typtype = 'e'
    ) AS enum,
    (
        SELECT jsonb_agg(jsonb_build_object(
            'name', k.conname,
            'column', a.attname,
            'expression', pg_get_expr(k.conbin, k.conrelid)
        ))
        FROM pg_catalog.pg_constraint AS k
        INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        WHERE k.conrelid = c.oid AND k.contype = 'c' AND cardinality(k.conkey) = 1
    ) AS checks
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
