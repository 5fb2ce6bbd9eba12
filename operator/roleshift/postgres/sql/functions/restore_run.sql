-- Brings the old roles back from the image of a run, by row and by value, in the caller's transaction.
-- SHARE ROW EXCLUSIVE on the target until that ends; row locks on what is restored; a few hash joins.
-- A row that holds something else than the run wrote was changed by others: logged by key and left alone, as
-- is one whose old place another row has taken.
DECLARE
    p jsonb;
    image record;
    later record;
    marker bigint;
    more bigint;
    done bigint;
    turn int;
    left_as_is text;
    logged text;
    leaves text;
    stays text;
    claimed text;
    log text;
    not_restored bigint;
    routes jsonb;
BEGIN
    PERFORM FROM roleshift.migration_run AS r WHERE r.run_id = restore_run.run_id FOR UPDATE;
    p := roleshift.run_parts(restore_run.run_id);
    IF (p ->> 'active')::boolean THEN
        RAISE EXCEPTION 'run % is at work, in phase %', restore_run.run_id, p ->> 'phase'
            USING HINT = 'Ask the operator for the rollback: roleshift rollback NAME.';
    END IF;
    SELECT r.namespace, r.name INTO later
    FROM roleshift.migration_run AS r
    INNER JOIN roleshift.migration_execution_log AS l ON l.run_id = r.run_id
    WHERE
        r.target_oid = (p ->> 'target_oid')::bigint::oid AND r.run_id <> restore_run.run_id
        AND r.phase NOT IN ('RolledBack', 'Failed')
        AND l.step = 'Migrating' AND l.outcome = 'Succeeded' AND l.id > (p ->> 'wrote')::bigint
    ORDER BY l.id DESC
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'run %/% has written to % since', later.namespace, later.name, p ->> 'target'
            USING HINT = 'Roll that one back first.';
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
    SELECT coalesce(max(g.id), 0) INTO marker FROM roleshift.migration_rollback_log AS g;
    left_as_is := format('((%s OR %s) IS TRUE)', p ->> 'ours', p ->> 'written');
    logged := format(
        'EXISTS (SELECT FROM roleshift.migration_rollback_log AS g WHERE g.run_id = %L AND g.id > %s
        AND g.kind = ''FunctionConflict'' AND g.row_key = jsonb_build_array(%s))',
        restore_run.run_id, marker, p ->> 'keys'
    );
    leaves := format(
        'EXISTS (SELECT FROM %s AS i INNER JOIN %s AS t ON %s WHERE %s AND %s
        AND i.role::text <> i.to_role::text AND %s AND NOT %s)',
        p ->> 'image', p ->> 'target', p ->> 'after_t', p ->> 'same_row', p ->> 'is_there', left_as_is, logged
    );
    stays := format(
        'EXISTS (SELECT FROM %s AS i INNER JOIN %s AS t ON %s WHERE %s AND %s
        AND i.role::text <> i.to_role::text AND %s AND %s)',
        p ->> 'image', p ->> 'target', p ->> 'after_t', p ->> 'same_row', p ->> 'is_there', left_as_is, logged
    );
    claimed := format(
        '(EXISTS (SELECT FROM %1$s AS i WHERE %2$s AND %3$s AND i.role::text <> i.to_role::text)
        AND NOT EXISTS (
            SELECT FROM %1$s AS i CROSS JOIN LATERAL (SELECT o.*) AS b WHERE %4$s AND %5$s
        ))',
        p ->> 'image', p ->> 'after_o', p ->> 'is_there', p ->> 'before_b', p ->> 'before'
    );
    log := format(
        'INSERT INTO roleshift.migration_rollback_log (run_id, kind, row_key, message, requested_by)
        SELECT %L::uuid, ''FunctionConflict'', jsonb_build_array(%s), $1, session_user FROM %s AS i ',
        restore_run.run_id, p ->> 'keys', p ->> 'image'
    );
    EXECUTE log || format(
        'LEFT JOIN LATERAL (
            SELECT t.*, t.xmin FROM %1$s AS t
            WHERE %2$s AND NOT EXISTS (
                SELECT FROM %10$s AS i CROSS JOIN LATERAL (SELECT t.*) AS b WHERE %11$s AND %8$s
            )
        ) AS t ON true
        LEFT JOIN LATERAL (
            SELECT o.* FROM %1$s AS o WHERE %3$s AND NOT %9$s AND NOT %12$s
        ) AS b ON true
        WHERE %4$s
        AND CASE WHEN %5$s IS NOT NULL THEN NOT %7$s ELSE %6$s IS NOT NULL AND (%8$s) IS NOT TRUE END',
        p ->> 'target', p ->> 'after_t', p ->> 'before_o', p ->> 'is_there', p ->> 'first_t', p ->> 'first_b',
        left_as_is, p ->> 'before', leaves, p ->> 'image', p ->> 'before_b', claimed
    ) USING 'the role was changed after the migration; it was left as it is';
    GET DIAGNOSTICS conflicts = ROW_COUNT;
    more := (p ->> 'constrained')::boolean::int;
    WHILE more > 0 LOOP
        EXECUTE log || format(
            'INNER JOIN %1$s AS t ON %2$s WHERE %3$s AND %4$s AND NOT %5$s AND EXISTS (
                SELECT FROM %1$s AS o
                WHERE %6$s AND %7$s = i.role::text AND NOT %8$s AND NOT %9$s)',
            p ->> 'target', p ->> 'after_t', p ->> 'is_there', left_as_is, logged,
            p ->> 'same_place', p ->> 'role_of_other', p ->> 'same_row', leaves
        ) USING 'another row has the old role under a unique constraint; it was left as it is';
        GET DIAGNOSTICS more = ROW_COUNT;
        IF (p ->> 'merges')::boolean THEN
            EXECUTE log || format(
                'WHERE i.turn < 0 AND NOT %1$s
                AND NOT EXISTS (SELECT FROM %2$s AS b WHERE %7$s AND %8$s) AND (
                    EXISTS (SELECT FROM %2$s AS o
                        WHERE ((%3$s AND %4$s = i.role::text) OR (%5$s)) AND NOT %6$s)
                    OR (EXISTS (SELECT FROM %2$s AS o WHERE %3$s)
                        AND NOT EXISTS (SELECT FROM %2$s AS o WHERE %3$s AND %4$s = i.to_role::text)))',
                logged, p ->> 'target', p ->> 'same_user', p ->> 'role_of_other', p ->> 'before_o', leaves,
                p ->> 'before_b', p ->> 'whole_same'
            ) USING 'the row that was merged into another one has no place any more; it was not brought back';
            GET DIAGNOSTICS done = ROW_COUNT;
            more := more + done;
        END IF;
        conflicts := conflicts + more;
    END LOOP;
    -- The table's own triggers find their tables as they do in the operator's sessions.
    PERFORM set_config('search_path', format('%I, public, pg_temp', p ->> 'target_schema'), true);
    restored := 0;
    IF (p ->> 'turned')::boolean THEN
        EXECUTE format(
            'CREATE TABLE %s AS SELECT t.* FROM %s AS t INNER JOIN %s AS i ON %s
            WHERE i.turn = 0 AND %s AND NOT %s',
            p ->> 'parking', p ->> 'target', p ->> 'image', p ->> 'after_t', left_as_is, logged
        );
        EXECUTE format(
            'DELETE FROM %s AS t USING %s AS o WHERE %s', p ->> 'target', p ->> 'parking', p ->> 'same_row'
        );
    END IF;
    FOR turn IN EXECUTE CASE WHEN (p ->> 'turned')::boolean
        THEN format('SELECT DISTINCT i.turn FROM %s AS i WHERE i.turn > 0 ORDER BY 1 DESC', p ->> 'image')
        ELSE 'SELECT 1' END
    LOOP
        EXECUTE format(
            'UPDATE %s AS t SET %s FROM %s AS i WHERE %s AND %s AND NOT %s AND %s',
            p ->> 'target', p ->> 'restored', p ->> 'image', p ->> 'after_t', left_as_is, logged,
            CASE WHEN (p ->> 'turned')::boolean THEN format('i.turn = %s', turn) ELSE 'true' END
        );
        GET DIAGNOSTICS done = ROW_COUNT;
        restored := restored + done;
    END LOOP;
    IF (p ->> 'turned')::boolean THEN
        IF (p ->> 'parks')::boolean THEN
            EXECUTE format(
                'INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s AS p
                INNER JOIN %s AS i ON %s AND i.turn = 0',
                p ->> 'target', p ->> 'parked_names', p ->> 'parked_values', p ->> 'parking', p ->> 'image',
                p ->> 'after_p'
            );
            GET DIAGNOSTICS done = ROW_COUNT;
            restored := restored + done;
        END IF;
        EXECUTE format('DROP TABLE %s', p ->> 'parking');
    END IF;
    IF (p ->> 'merges')::boolean THEN
        EXECUTE format(
            'INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s AS i
            WHERE i.turn < 0 AND NOT %s AND EXISTS (SELECT FROM %s AS o WHERE %s)
            AND NOT EXISTS (SELECT FROM %s AS b WHERE %s AND %s)',
            p ->> 'target', p ->> 'whole_names', p ->> 'whole_values', p ->> 'image', logged, p ->> 'target',
            p ->> 'same_user', p ->> 'target', p ->> 'before_b', p ->> 'whole_same'
        );
        GET DIAGNOSTICS done = ROW_COUNT;
        restored := restored + done;
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE;
    EXECUTE format(
        'SELECT count(*) FILTER (WHERE NOT accounted), count(*) FILTER (WHERE accounted)
        FROM (
            SELECT %1$s IS NOT NULL OR %2$s IS NOT NULL OR %3$s AS accounted
            FROM %4$s AS i
            LEFT JOIN LATERAL (
                SELECT o.* FROM %5$s AS o
                WHERE %6$s AND NOT EXISTS (
                    SELECT FROM %4$s AS i INNER JOIN %5$s AS b ON %7$s WHERE %9$s AND %8$s
                )
            ) AS t ON true
            LEFT JOIN LATERAL (
                SELECT o.* FROM %5$s AS o WHERE %10$s AND NOT %11$s AND NOT %12$s
            ) AS b ON true
            WHERE (%2$s IS NOT NULL AND %8$s AND NOT %3$s) IS NOT TRUE
        ) AS c',
        p ->> 'first_t', p ->> 'first_b', logged, p ->> 'image', p ->> 'target', p ->> 'after_o',
        p ->> 'before_b', p ->> 'before', p ->> 'same_row_b', p ->> 'before_o', stays, claimed
    ) INTO deleted, not_restored;
    IF not_restored <> conflicts THEN
        RAISE EXCEPTION '% rows are not as in the image after the restore', not_restored - conflicts
            USING HINT = 'Look for triggers on the table that change or swallow updates.';
    END IF;
    -- Rows born since go back where their new role can only have come from one old role.
    SELECT jsonb_agg(jsonb_build_object(
        'to_role', coalesce(p -> 'stored' ->> r.to_role, r.to_role),
        'from_role', coalesce(p -> 'stored' ->> r.from_role, r.from_role)
    )) INTO routes
    FROM (
        SELECT m.to_role, min(m.from_role) AS from_role
        FROM jsonb_to_recordset(p -> 'cells') AS m (from_role text, to_role text)
        WHERE NOT (p ->> 'array')::boolean
        GROUP BY m.to_role
        HAVING count(*) = 1 AND min(m.from_role) <> m.to_role AND NOT p -> 'arrived_roles' ? m.to_role
    ) AS r;
    EXECUTE format(
        'UPDATE %1$s AS t SET %2$s = m.from_role::%3$s
        FROM jsonb_to_recordset(%4$L::jsonb) AS m (from_role text, to_role text)
        WHERE (%5$s)::text = m.to_role AND %6$s
        AND NOT EXISTS (SELECT FROM %7$s AS i WHERE %8$s) AND NOT EXISTS (SELECT FROM %7$s AS i WHERE %9$s)
        AND NOT EXISTS (SELECT FROM %1$s AS o WHERE %10$s AND %11$s = m.from_role)',
        p ->> 'target', p ->> 'role_column', p ->> 'role_type', coalesce(routes, '[]'), p ->> 'role',
        p ->> 'scope', p ->> 'image', p ->> 'after_t', p ->> 'before_t', p ->> 'same_place',
        p ->> 'role_of_other'
    );
    GET DIAGNOSTICS born_restored = ROW_COUNT;
    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
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
