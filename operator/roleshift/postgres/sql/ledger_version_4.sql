-- The ledger, version 4: what people decided about a run that waits for them, archives in an object store and
-- what became of backups, and what a rollback found in the rows that it left or overwrote. Locks three tables
-- for a moment; costs a few catalog rows, no row is rewritten. Runs as version 1 does; the functions come
-- after it.
ALTER TABLE roleshift.migration_run
    ADD COLUMN resume_token text NOT NULL DEFAULT '',
    ADD COLUMN accept_token text NOT NULL DEFAULT '',
    ADD COLUMN accepted_at timestamptz,
    ADD COLUMN accepted_by text NOT NULL DEFAULT '',
    ADD COLUMN acceptance_reason text NOT NULL DEFAULT '';

ALTER TABLE roleshift.migration_backup
    ADD COLUMN manifest_sha256 text NOT NULL DEFAULT '',
    ADD COLUMN covers_write boolean NOT NULL DEFAULT false,
    ADD COLUMN removed_at timestamptz,
    ADD COLUMN removal_reason text NOT NULL DEFAULT '';

ALTER TABLE roleshift.migration_rollback_log
    ADD COLUMN on_conflict text NOT NULL DEFAULT '',
    ADD COLUMN found jsonb;

INSERT INTO roleshift.ledger_version (version) VALUES (4);
