-- Whether the ledger is there. Locks nothing; catalog only.
SELECT
    to_regclass('roleshift.ledger_version') IS NOT NULL AS present
