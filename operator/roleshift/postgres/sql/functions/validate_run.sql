-- Compares a migrated table with the image of its run, row by row. ACCESS SHARE on both; a scan of both
-- and a hash join. Changes nothing. A row that others changed since is a Warning, for they may do that.
DECLARE
    p jsonb := roleshift.run_parts(validate_run.run_id);
    c record;
    image record;
    key record;
    broken bigint;
    merged bigint := 0;
    worse text[] := '{}';
BEGIN
    EXECUTE format(
        'SELECT count(*) AS rows, coalesce(sum(hashtextextended(%s::text, 0)::numeric), 0)::text AS checksum
        FROM %s AS i',
        p ->> 'row_of_image', p ->> 'image'
    ) INTO image;
    EXECUTE format(
        'SELECT count(*) AS rows,
            count(*) FILTER (WHERE NOT present) AS deleted,
            count(*) FILTER (WHERE present AND untouched AND NOT written) AS untouched,
            count(*) FILTER (WHERE present AND ours AND NOT written) AS wrong,
            count(*) FILTER (WHERE present AND NOT ours AND NOT untouched AND NOT written) AS changed,
            (array_agg(key) FILTER (WHERE present AND NOT written))[1:5] AS examples
        FROM (
            SELECT %s IS NOT NULL AS present, %s AS ours, t.xmin::text::bigint = i.row_version AS untouched,
                %s AS written, jsonb_build_array(%s)::text AS key
            FROM %s AS i
            LEFT JOIN %s AS t ON %s
            WHERE %s
        ) AS compared',
        p ->> 'first_t', p ->> 'ours', p ->> 'written', p ->> 'keys',
        p ->> 'image', p ->> 'target', p ->> 'after_t', p ->> 'is_there'
    ) INTO c;
    IF (p ->> 'merges')::boolean THEN
        EXECUTE format('SELECT count(*) FROM %s AS i WHERE i.turn < 0', p ->> 'image') INTO merged;
    END IF;
    RETURN QUERY VALUES (
        'BackupChecksum'::text,
        CASE WHEN image.rows = (p ->> 'image_rows')::bigint AND image.checksum = p ->> 'image_checksum'
            THEN 'Passed' ELSE 'Failed' END,
        format('the image %s has %s rows, checksum %s; recorded were %s rows, checksum %s',
            p ->> 'image', image.rows, image.checksum, p ->> 'image_rows', p ->> 'image_checksum')
    );
    RETURN QUERY VALUES (
        'Completeness'::text,
        CASE WHEN c.untouched > 0 OR c.rows + merged <> image.rows THEN 'Failed'
            WHEN c.deleted > 0 THEN 'Warning' ELSE 'Passed' END,
        format('%s of %s rows were compared, %s of them not migrated, %s deleted by others since%s',
            c.rows, image.rows, c.untouched, c.deleted,
            CASE WHEN merged > 0 THEN format(', %s merged into others', merged) ELSE '' END)
    );
    RETURN QUERY VALUES (
        'RowValues'::text,
        CASE WHEN c.wrong > 0 THEN 'Failed' WHEN c.changed > 0 THEN 'Warning' ELSE 'Passed' END,
        format('%s rows were written wrongly, %s hold other values because others changed them since%s',
            c.wrong, c.changed,
            coalesce('; keys of at most five: ' || array_to_string(c.examples, ' '), ''))
    );
    FOR key IN
        SELECT k.conname, k.confrelid::regclass::text AS referenced,
            string_agg(format('o.%I = r.%I', fa.attname, a.attname), ' AND ') AS joined,
            string_agg(format('r.%I IS NOT NULL', a.attname), ' AND ') AS all_set
        FROM pg_constraint AS k
        CROSS JOIN unnest(k.conkey, k.confkey) AS pair (own, theirs)
        INNER JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = pair.own
        INNER JOIN pg_attribute AS fa ON fa.attrelid = k.confrelid AND fa.attnum = pair.theirs
        WHERE k.conrelid = (p ->> 'target_oid')::bigint::oid AND k.contype = 'f'
        GROUP BY k.oid, k.conname, k.confrelid
        HAVING bool_or(quote_ident(a.attname) = p ->> 'role_column')
        ORDER BY k.conname
    LOOP
        EXECUTE format(
            'SELECT count(*) FROM %s AS r WHERE %s AND NOT EXISTS (SELECT FROM %s AS o WHERE %s)',
            p ->> 'target', key.all_set, key.referenced, key.joined
        ) INTO broken;
        IF broken > coalesce((p -> 'reference_rows' ->> key.conname)::bigint, 0) THEN
            worse := worse || format('%s: %s', key.conname, broken);
        END IF;
    END LOOP;
    RETURN QUERY VALUES (
        'ForeignKeys'::text,
        CASE WHEN cardinality(worse) > 0 THEN 'Failed' ELSE 'Passed' END,
        CASE WHEN cardinality(worse) > 0
            THEN 'more rows refer to nothing than before the run: ' || array_to_string(worse, ', ')
            ELSE 'no row refers to nothing that was not broken before' END
    );
END
