-- The ledger, version 3: what a run may do to its table. Locks the table of runs for a moment; no row is
-- rewritten. Runs as version 1 does; the functions come after it.
ALTER TABLE roleshift.migration_run ADD COLUMN mode text NOT NULL DEFAULT 'Apply';

INSERT INTO roleshift.ledger_version (version) VALUES (3);
