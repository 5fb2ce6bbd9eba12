-- The SQL fragments that validate_run and restore_run are made of. Locks nothing; a few catalog look-ups.
-- Columns and their types are read from the catalog, so that no text of the ledger is ever run as SQL.
-- In every fragment i is the image; t is the target's row by the key that it has since the run, b the one by
-- the key that it had before (they differ where the role is part of the key), o any other row.
DECLARE
    run record;
    shape jsonb;
    target oid;
    kept record;
    wrote record;
    col record;
    turned boolean;
    written text[] := '{}';
    before text[] := '{}';
    restored text[] := '{}';
    values_before jsonb := '{}';
    hashed text[] := '{}';
    old_key text[] := '{}';
    keyed jsonb := '[]';
    same_row text[] := '{}';
    same_row_b text[] := '{}';
    first_key text;
BEGIN
    SELECT * INTO run FROM roleshift.migration_run AS r WHERE r.run_id = run_parts.run_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the ledger has no run %', run_parts.run_id
            USING HINT = 'SELECT run_id, name, phase FROM roleshift.migration_run lists them.';
    END IF;
    SELECT b.name, b.rows, b.checksum, b.reference_rows, b.arrived_roles INTO kept
    FROM roleshift.migration_backup AS b
    WHERE b.run_id = run_parts.run_id AND b.method = 'Table' AND b.removed_at IS NULL;
    IF NOT FOUND OR to_regclass(format('roleshift.%I', kept.name)) IS NULL THEN
        RAISE EXCEPTION 'run % has no image', run_parts.run_id
            USING HINT = 'Nothing was written yet, or its image has been removed since.';
    END IF;
    SELECT l.id, l.xid & 4294967295 AS xid, l.written_at, l.rows INTO wrote
    FROM roleshift.migration_execution_log AS l
    WHERE l.run_id = run_parts.run_id AND l.step = 'Migrating' AND l.outcome = 'Succeeded';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % wrote nothing', run_parts.run_id;
    END IF;
    shape := run.plan -> 'shape';
    SELECT c.oid INTO target
    FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = shape ->> 'schema' AND c.relname = shape ->> 'table' AND c.oid = run.target_oid;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not the table that was migrated', run.target_name
            USING HINT = 'It was dropped or renamed since.';
    END IF;
    turned := coalesce((shape ->> 'ordered')::boolean, false);
    FOR col IN
        SELECT
            w.purpose, w.kept, w.name, a.attname IS NOT NULL AS found,
            format_type(a.atttypid, a.atttypmod) AS type
        FROM (
            SELECT
                k.position AS ord, 'key' AS purpose, 'key_' || k.position AS kept, k.part ->> 'name' AS name
            FROM jsonb_array_elements(shape -> 'key') WITH ORDINALITY AS k (part, position)
            UNION ALL
            SELECT 1000 + p.position, p.purpose, p.purpose, shape -> p.purpose ->> 'name'
            FROM unnest(ARRAY['role', 'previous_role', 'seniority', 'migrated_at'])
                WITH ORDINALITY AS p (purpose, position)
            WHERE jsonb_typeof(shape -> p.purpose) = 'object'
        ) AS w
        LEFT JOIN pg_attribute AS a ON a.attrelid = target AND a.attname = w.name AND a.attnum > 0
        ORDER BY w.ord
    LOOP
        IF NOT col.found THEN
            RAISE EXCEPTION '% has no column % any more', run.target_name, quote_ident(col.name);
        END IF;
        hashed := hashed || format('i.%I', col.kept);
        IF col.purpose = 'key' THEN
            first_key := coalesce(first_key, format('%I', col.name));
            old_key := old_key || format('i.%I', col.kept);
            keyed := keyed || jsonb_build_object(
                'name', col.name,
                'before', col.kept,
                'after', CASE WHEN col.name = shape -> 'role' ->> 'name' THEN 'to_role' ELSE col.kept END
            );
            same_row := same_row || format('t.%I = o.%I', col.name, col.name);
            same_row_b := same_row_b || format('b.%I = o.%I', col.name, col.name);
        ELSE
            written := written || format(
                '(t.%I)::text IS NOT DISTINCT FROM (%s)::text',
                col.name,
                CASE col.purpose
                    WHEN 'role' THEN 'i.to_role'
                    WHEN 'previous_role' THEN format('i.role::text::%s', col.type)
                    WHEN 'seniority' THEN 'i.to_seniority'
                    ELSE format('%L::timestamptz::%s', wrote.written_at, col.type)
                END
            );
            before := before || format('(b.%I)::text IS NOT DISTINCT FROM (i.%I)::text', col.name, col.kept);
            restored := restored || format('%I = i.%I', col.name, col.kept);
            values_before := values_before || jsonb_build_object(col.name, format('i.%I', col.kept));
        END IF;
    END LOOP;
    hashed := hashed || 'i.to_role'::text;
    IF jsonb_typeof(shape -> 'seniority') = 'object' THEN
        hashed := hashed || 'i.to_seniority'::text;
    END IF;
    IF turned THEN
        hashed := hashed || 'i.turn'::text;
    END IF;
    IF (shape ->> 'merges')::boolean THEN
        hashed := hashed || 'i.whole_row'::text;
    END IF;
    RETURN jsonb_build_object(
        'target', target::regclass::text,
        'target_name', run.target_name,
        'target_oid', target::bigint,
        'target_schema', shape ->> 'schema',
        'active', run.active,
        'phase', run.phase,
        'wrote', wrote.id,
        'role', format('t.%I', shape -> 'role' ->> 'name'),
        'role_of_other', format('(o.%I)::text', shape -> 'role' ->> 'name'),
        'role_column', quote_ident(shape -> 'role' ->> 'name'),
        'role_type', (
            SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
            WHERE a.attrelid = target AND a.attname = shape -> 'role' ->> 'name'
        ),
        'array', shape -> 'role' ->> 'category' = 'A',
        'image', format('roleshift.%I', kept.name),
        'parking', format('roleshift.%I', 'migration_parked_' || substr(kept.name, 18)),
        'image_rows', kept.rows,
        'image_checksum', kept.checksum,
        'reference_rows', kept.reference_rows,
        'arrived_roles', kept.arrived_roles,
        'cells', run.plan -> 'proof' -> 'cells',
        'stored', coalesce(shape -> 'stored', '{}'),
        'same_row', '(' || array_to_string(same_row, ' AND ') || ')',
        'same_row_b', '(' || array_to_string(same_row_b, ' AND ') || ')',
        'keys', array_to_string(old_key, ', '),
        'first_t', 't.' || first_key,
        'first_b', 'b.' || first_key,
        'row_of_image', format('ROW(%s, i.row_version)', array_to_string(hashed, ', ')),
        'ours', format('(t.xmin::text::bigint = %s)', wrote.xid),
        'written', '(' || array_to_string(written, ' AND ') || ')',
        'before', '(' || array_to_string(before, ' AND ') || ')',
        'restored', array_to_string(restored, ', '),
        'turned', turned,
        'merges', coalesce((shape ->> 'merges')::boolean, false),
        'is_there', CASE WHEN (shape ->> 'merges')::boolean THEN 'i.turn > -1' ELSE 'true' END,
        'constrained', jsonb_array_length(coalesce(shape -> 'constraints', '[]')) > 0,
        'same_place', coalesce((
            SELECT '(' || string_agg('(' || coalesce((
                SELECT string_agg(format(
                    CASE WHEN (k ->> 'nulls_distinct')::boolean
                        THEN 'o.%1$I = t.%1$I' ELSE 'o.%1$I IS NOT DISTINCT FROM t.%1$I' END,
                    name
                ), ' AND ') FROM jsonb_array_elements_text(k -> 'others') AS name
            ), 'true') || ')', ' OR ') || ')'
            FROM jsonb_array_elements(coalesce(shape -> 'constraints', '[]')) AS k
        ), 'false'),
        'same_user', coalesce((
            SELECT string_agg(format('o.%I = i.whole_row[%s]::%s', o.name, w.position, w.type), ' AND ')
            FROM jsonb_array_elements_text(shape -> 'constraints' -> 0 -> 'others') AS o (name)
            INNER JOIN (
                SELECT c.part ->> 'name' AS name, c.position, format_type(a.atttypid, a.atttypmod) AS type
                FROM jsonb_array_elements(shape -> 'whole') WITH ORDINALITY AS c (part, position)
                INNER JOIN pg_attribute AS a ON a.attrelid = target AND a.attname = c.part ->> 'name'
            ) AS w ON w.name = o.name
        ), 'true'),
        'whole_names', (
            SELECT string_agg(quote_ident(c.part ->> 'name'), ', ' ORDER BY c.position)
            FROM jsonb_array_elements(shape -> 'whole') WITH ORDINALITY AS c (part, position)
            INNER JOIN pg_attribute AS a ON a.attrelid = target AND a.attname = c.part ->> 'name'
        ),
        'whole_same', (
            SELECT string_agg(
                format('(b.%I)::text IS NOT DISTINCT FROM i.whole_row[%s]', a.attname, c.position), ' AND '
            )
            FROM jsonb_array_elements(shape -> 'whole') WITH ORDINALITY AS c (part, position)
            INNER JOIN pg_attribute AS a ON a.attrelid = target AND a.attname = c.part ->> 'name'
        ),
        'whole_values', (
            SELECT string_agg(
                format('i.whole_row[%s]::%s', c.position, format_type(a.atttypid, a.atttypmod)), ', '
                ORDER BY c.position
            )
            FROM jsonb_array_elements(shape -> 'whole') WITH ORDINALITY AS c (part, position)
            INNER JOIN pg_attribute AS a ON a.attrelid = target AND a.attname = c.part ->> 'name'
        ),
        'parks', turned AND jsonb_array_length(coalesce(shape -> 'whole', '[]')) > 0,
        'parked_names', (
            SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
            FROM pg_attribute AS a
            WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ),
        'parked_values', (
            SELECT string_agg(
                coalesce(values_before ->> a.attname, format('p.%I', a.attname)), ', ' ORDER BY a.attnum
            )
            FROM pg_attribute AS a
            WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ),
        'scope', coalesce((
            SELECT string_agg(format(
                CASE s.term ->> 'operator'
                    WHEN 'In' THEN '(t.%1$I = ANY(%2$L::text[]::%3$s[]))'
                    WHEN 'NotIn' THEN '((t.%1$I = ANY(%2$L::text[]::%3$s[])) IS NOT TRUE)'
                    WHEN 'Exists' THEN '(t.%1$I IS NOT NULL)'
                    ELSE '(t.%1$I IS NULL)'
                END,
                a.attname,
                ARRAY(SELECT jsonb_array_elements_text(s.term -> 'values'))::text,
                format_type(a.atttypid, a.atttypmod)
            ), ' AND ')
            FROM jsonb_array_elements(coalesce(shape -> 'scope', '[]')) AS s (term)
            INNER JOIN pg_attribute AS a
                ON a.attrelid = target AND a.attname = s.term -> 'column' ->> 'name'
        ), 'true')
    ) || (
        SELECT jsonb_object_agg(w.label, w.joined)
        FROM (
            SELECT
                l.label,
                string_agg(
                    format(
                        '(%s.%I)::text = (i.%I)::text', l.alias, k.name,
                        CASE WHEN l.label LIKE 'after%' THEN k.after ELSE k.before END
                    ),
                    ' AND '
                ) AS joined
            FROM (
                VALUES ('after_t', 't'), ('after_p', 'p'), ('after_o', 'o'), ('before_b', 'b'), ('before_t', 't'), ('before_o', 'o')
            ) AS l (label, alias)
            CROSS JOIN jsonb_to_recordset(keyed) AS k (name text, before text, after text)
            GROUP BY l.label
        ) AS w
    );
END
