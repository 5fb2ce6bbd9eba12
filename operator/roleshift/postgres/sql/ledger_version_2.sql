-- The ledger, version 2: the registry of the functions that validate and restore from psql alone, and who
-- approved which plan. Locks the table of runs for a moment; costs a few catalog rows, no row is rewritten.
-- Runs as version 1 does; the functions come after it.
ALTER TABLE roleshift.migration_run
    ADD COLUMN approved_hash text NOT NULL DEFAULT '',
    ADD COLUMN approved_at timestamptz,
    ADD COLUMN approved_by text NOT NULL DEFAULT '',
    ADD COLUMN approval_reason text NOT NULL DEFAULT '',
    ADD COLUMN approved_plan jsonb;

CREATE TABLE roleshift.migration_validation_functions (
    name text PRIMARY KEY,
    version integer NOT NULL,
    checksum text NOT NULL,
    purpose text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO roleshift.ledger_version (version) VALUES (2);
