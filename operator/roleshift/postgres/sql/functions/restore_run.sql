-- Brings the old roles back from the image of a run, by row and by value, in the caller's transaction.
-- SHARE ROW EXCLUSIVE on the target until that ends; row locks on what is restored; a few hash joins.
-- A row that holds something else than the run wrote was changed by others: logged by key and left alone.
DECLARE
    p jsonb;
    image record;
    left_as_is text;
    not_restored bigint;
    routes jsonb;
BEGIN
    PERFORM FROM roleshift.migration_run AS r WHERE r.run_id = restore_run.run_id FOR UPDATE;
    p := roleshift.run_parts(restore_run.run_id);
    IF (p ->> 'active')::boolean THEN
        RAISE EXCEPTION 'run % is at work, in phase %', restore_run.run_id, p ->> 'phase'
            USING HINT = 'Ask the operator for the rollback: roleshift rollback NAME.';
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', p ->> 'target');
    EXECUTE format(
        'SELECT count(*) AS rows, coalesce(sum(hashtextextended(%s::text, 0)::numeric), 0)::text AS checksum
        FROM %s AS i',
        p ->> 'row_of_image', p ->> 'image'
    ) INTO image;
    IF image.rows <> (p ->> 'image_rows')::bigint OR image.checksum <> p ->> 'image_checksum' THEN
        RAISE EXCEPTION 'the image % was altered since it was made: nothing was restored from it',
            p ->> 'image';
    END IF;
    left_as_is := format('(%s OR %s)', p ->> 'ours', p ->> 'written');
    EXECUTE format(
        'INSERT INTO roleshift.migration_rollback_log (run_id, kind, row_key, message, requested_by)
        SELECT %L::uuid, ''FunctionConflict'', jsonb_build_array(%s),
            ''the role was changed after the migration; it was left as it is'', session_user
        FROM %s AS i INNER JOIN %s ON m.from_role = i.role::text INNER JOIN %s AS t ON %s
        WHERE NOT %s AND NOT %s',
        restore_run.run_id, p ->> 'key', p ->> 'image', p ->> 'mapping', p ->> 'target', p ->> 'join',
        left_as_is, p ->> 'before'
    );
    GET DIAGNOSTICS conflicts = ROW_COUNT;
    -- The table's own triggers find their tables as they do in the operator's sessions.
    PERFORM set_config('search_path', format('%I, public, pg_temp', p ->> 'target_schema'), true);
    EXECUTE format(
        'UPDATE %s AS t SET %s FROM %s AS i INNER JOIN %s ON m.from_role = i.role::text
        WHERE %s AND %s AND NOT %s',
        p ->> 'target', p ->> 'restored', p ->> 'image', p ->> 'mapping', p ->> 'join',
        left_as_is, p ->> 'before'
    );
    GET DIAGNOSTICS restored = ROW_COUNT;
    -- Rows born since go back where their new role can only have come from one old role.
    SELECT jsonb_agg(jsonb_build_object('to_role', r.to_role, 'from_role', r.from_role)) INTO routes
    FROM (
        SELECT m.to_role, min(m.from_role) AS from_role
        FROM jsonb_to_recordset(p -> 'cells') AS m (from_role text, to_role text)
        GROUP BY m.to_role
        HAVING count(*) = 1 AND min(m.from_role) <> m.to_role AND NOT p -> 'arrived_roles' ? m.to_role
    ) AS r;
    EXECUTE format(
        'UPDATE %s AS t SET %s = m.from_role::%s
        FROM jsonb_to_recordset(%L::jsonb) AS m (from_role text, to_role text)
        WHERE (%s)::text = m.to_role AND NOT EXISTS (SELECT FROM %s AS i WHERE %s)',
        p ->> 'target', p ->> 'role_column', p ->> 'role_type', coalesce(routes, '[]'), p ->> 'role',
        p ->> 'image', p ->> 'join'
    );
    GET DIAGNOSTICS born_restored = ROW_COUNT;
    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format(
        'SELECT count(*) FILTER (WHERE %s IS NULL),
            count(*) FILTER (WHERE %s IS NOT NULL AND NOT %s)
        FROM %s AS i LEFT JOIN %s AS t ON %s',
        p ->> 'first_key', p ->> 'first_key', p ->> 'before', p ->> 'image', p ->> 'target', p ->> 'join'
    ) INTO deleted, not_restored;
    IF not_restored <> conflicts THEN
        RAISE EXCEPTION '% rows are not as in the image after the restore', not_restored - conflicts
            USING HINT = 'Look for triggers on the table that change or swallow updates.';
    END IF;
    INSERT INTO roleshift.migration_rollback_log (
        run_id, kind, message, requested_by, rows_restored, conflicts, remaining
    ) VALUES (
        restore_run.run_id, 'FunctionResult',
        format(
            '%s rows restored, %s left, %s deleted by others since',
            restored + born_restored, conflicts, deleted
        ),
        session_user, restored + born_restored, conflicts, conflicts
    );
    RETURN NEXT;
END
