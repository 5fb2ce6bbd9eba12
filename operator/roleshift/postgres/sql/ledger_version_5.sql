-- The ledger, version 5: which report of a run was written to the cluster, and why a backup was removed by a word
-- of the API. Locks two tables for a moment; rewrites the entries of removed backups only. Runs as version 1 does;
-- the functions come after it.
ALTER TABLE roleshift.migration_run ADD COLUMN reported text NOT NULL DEFAULT '';

UPDATE roleshift.migration_backup SET removal_reason = 'ObjectDeleted' WHERE removed_at IS NOT NULL;

INSERT INTO roleshift.ledger_version (version) VALUES (5);
