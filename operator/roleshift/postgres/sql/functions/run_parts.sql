-- The SQL fragments that validate_run and restore_run are made of. Locks nothing; a few catalog look-ups.
-- Columns and their types are read from the catalog, so that no text of the ledger is ever run as SQL.
-- In every fragment t is the target, i the image and m the mapping.
DECLARE
    run record;
    shape jsonb;
    target oid;
    kept record;
    wrote record;
    col record;
    written text[] := '{}';
    before text[] := '{}';
    restored text[] := '{}';
    hashed text[] := '{}';
    joined text[] := '{}';
    keys text[] := '{}';
BEGIN
    SELECT * INTO run FROM roleshift.migration_run AS r WHERE r.run_id = run_parts.run_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the ledger has no run %', run_parts.run_id
            USING HINT = 'SELECT run_id, name, phase FROM roleshift.migration_run lists them.';
    END IF;
    SELECT b.name, b.rows, b.checksum, b.reference_rows, b.arrived_roles INTO kept
    FROM roleshift.migration_backup AS b WHERE b.run_id = run_parts.run_id;
    IF NOT FOUND OR to_regclass(format('roleshift.%I', kept.name)) IS NULL THEN
        RAISE EXCEPTION 'run % has no image', run_parts.run_id
            USING HINT = 'Nothing was written yet, or its image has been removed since.';
    END IF;
    SELECT l.xid & 4294967295 AS xid, l.written_at, l.rows INTO wrote
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
            joined := joined || format('(t.%I)::text = (i.%I)::text', col.name, col.kept);
            keys := keys || format('t.%I', col.name);
        ELSE
            written := written || format(
                '(t.%I)::text IS NOT DISTINCT FROM (%s)::text',
                col.name,
                CASE col.purpose
                    WHEN 'role' THEN format('m.to_role::%s', col.type)
                    WHEN 'previous_role' THEN format('i.role::text::%s', col.type)
                    WHEN 'seniority' THEN format('coalesce(m.seniority::%s, i.seniority)', col.type)
                    ELSE format('%L::timestamptz::%s', wrote.written_at, col.type)
                END
            );
            before := before || format('(t.%I)::text IS NOT DISTINCT FROM (i.%I)::text', col.name, col.kept);
            restored := restored || format('%I = i.%I', col.name, col.kept);
        END IF;
    END LOOP;
    RETURN jsonb_build_object(
        'target', target::regclass::text,
        'target_name', run.target_name,
        'target_oid', target::bigint,
        'target_schema', shape ->> 'schema',
        'active', run.active,
        'phase', run.phase,
        'role', format('t.%I', shape -> 'role' ->> 'name'),
        'role_column', quote_ident(shape -> 'role' ->> 'name'),
        'role_type', (
            SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
            WHERE a.attrelid = target AND a.attname = shape -> 'role' ->> 'name'
        ),
        'image', format('roleshift.%I', kept.name),
        'image_rows', kept.rows,
        'image_checksum', kept.checksum,
        'reference_rows', kept.reference_rows,
        'arrived_roles', kept.arrived_roles,
        'cells', run.plan -> 'proof' -> 'cells',
        'mapping', format(
            'jsonb_to_recordset(%L::jsonb) AS m (from_role text, to_role text, seniority text)',
            run.plan -> 'proof' -> 'cells'
        ),
        'join', array_to_string(joined, ' AND '),
        'key', array_to_string(keys, ', '),
        'first_key', keys[1],
        'row_of_image', format('ROW(%s, i.row_version)', array_to_string(hashed, ', ')),
        'ours', format('(t.xmin::text::bigint = %s)', wrote.xid),
        'written', '(' || array_to_string(written, ' AND ') || ')',
        'before', '(' || array_to_string(before, ' AND ') || ')',
        'restored', array_to_string(restored, ', ')
    );
END
