-- The ledger, version 3: runs that were copied with their database can be forgotten, and an approval of an
-- earlier attempt is told from a new one. Locks the table of runs for a moment; costs a few catalog rows,
-- no row is rewritten. Runs as version 1 does.
ALTER TABLE roleshift.migration_run
    ADD COLUMN carried_hash text NOT NULL DEFAULT '',
    ADD COLUMN forget_token text NOT NULL DEFAULT '',
    ADD COLUMN forgotten_at timestamptz,
    ADD COLUMN forgotten_by text NOT NULL DEFAULT '';

INSERT INTO roleshift.ledger_version (version) VALUES (3);
