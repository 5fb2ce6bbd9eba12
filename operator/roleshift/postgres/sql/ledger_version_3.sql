-- The ledger, version 3: what a step really took, and which schema statements a run has carried out. Locks the
-- execution log for a moment; costs a few catalog rows, no row is rewritten. Runs as version 1 does.
ALTER TABLE roleshift.migration_execution_log
    ADD COLUMN work_seconds double precision,
    ADD COLUMN lock_seconds double precision,
    ADD COLUMN wal_bytes bigint,
    ADD COLUMN wal_of text NOT NULL DEFAULT '',
    ADD COLUMN schema_change jsonb;

INSERT INTO roleshift.ledger_version (version) VALUES (3);
