-- The ledger, version 2: the registry of the functions that validate and restore from psql alone.
-- Locks nothing that exists; costs a few catalog rows. Runs as version 1 does; the functions come after it.
CREATE TABLE roleshift.migration_validation_functions (
    name text PRIMARY KEY,
    version integer NOT NULL,
    checksum text NOT NULL,
    purpose text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO roleshift.ledger_version (version) VALUES (2);
