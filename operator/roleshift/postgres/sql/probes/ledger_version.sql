-- The ledger's version. Locks nothing; a handful of rows.
SELECT max(version) AS version FROM roleshift.ledger_version
