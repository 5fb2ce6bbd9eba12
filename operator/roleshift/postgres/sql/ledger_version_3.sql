-- The ledger, version 3: what a run may do to its table, what a step really took, which schema statements a
-- run has carried out, which runs were copied with their database and forgotten, which approval an attempt
-- found, and images that hold what each row becomes beside what it was. Locks runs and log for a moment, and
-- the images of version 2, which are rewritten once and read once for their checksum. Runs as version 1 does;
-- the functions come after it.
ALTER TABLE roleshift.migration_run
    ADD COLUMN mode text NOT NULL DEFAULT 'Apply',
    ADD COLUMN carried_hash text NOT NULL DEFAULT '',
    ADD COLUMN forget_token text NOT NULL DEFAULT '',
    ADD COLUMN forgotten_at timestamptz,
    ADD COLUMN forgotten_by text NOT NULL DEFAULT '';

ALTER TABLE roleshift.migration_execution_log
    ADD COLUMN work_seconds double precision,
    ADD COLUMN lock_seconds double precision,
    ADD COLUMN wal_bytes bigint,
    ADD COLUMN wal_of text NOT NULL DEFAULT '',
    ADD COLUMN schema_change jsonb;

DO $$
DECLARE
    kept record;
    kinds record;
    hashed text;
BEGIN
    FOR kept IN
        SELECT b.name, b.run_id, r.plan -> 'proof' -> 'cells' AS cells
        FROM roleshift.migration_backup AS b
        INNER JOIN roleshift.migration_run AS r ON r.run_id = b.run_id
        WHERE to_regclass(format('roleshift.%%I', b.name)) IS NOT NULL
    LOOP
        SELECT
            max(format_type(a.atttypid, a.atttypmod)) FILTER (WHERE a.attname = 'role') AS role,
            max(format_type(a.atttypid, a.atttypmod)) FILTER (WHERE a.attname = 'seniority') AS seniority,
            bool_or(a.attname = 'to_role') AS known,
            string_agg(format('i.%%I', a.attname), ', ' ORDER BY a.attnum)
                FILTER (WHERE a.attname <> 'row_version') AS named
        INTO kinds
        FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass(format('roleshift.%%I', kept.name)) AND a.attnum > 0 AND NOT a.attisdropped;
        CONTINUE WHEN kinds.known;
        EXECUTE format('ALTER TABLE roleshift.%%I ADD COLUMN to_role %%s', kept.name, kinds.role);
        hashed := kinds.named || ', i.to_role';
        IF kinds.seniority IS NOT NULL THEN
            EXECUTE format('ALTER TABLE roleshift.%%I ADD COLUMN to_seniority %%s', kept.name, kinds.seniority);
            hashed := hashed || ', i.to_seniority';
        END IF;
        EXECUTE format(
            'UPDATE roleshift.%%I AS i SET to_role = m.to_role::%%s %%s
            FROM jsonb_to_recordset(%%L::jsonb) AS m (from_role text, to_role text, seniority text)
            WHERE m.from_role = i.role::text',
            kept.name, kinds.role,
            CASE WHEN kinds.seniority IS NULL THEN ''
                ELSE format(', to_seniority = coalesce(m.seniority::%%s, i.seniority)', kinds.seniority) END,
            kept.cells
        );
        EXECUTE format(
            'UPDATE roleshift.migration_backup SET checksum = (
                SELECT coalesce(sum(hashtextextended(ROW(%%s, i.row_version)::text, 0)::numeric), 0)::text
                FROM roleshift.%%I AS i
            ) WHERE name = %%L',
            hashed, kept.name, kept.name
        );
    END LOOP;
END
$$;

INSERT INTO roleshift.ledger_version (version) VALUES (3);
