-- Takes parked rows out of the target. Row locks on it; one look-up by key a row.
DELETE FROM {target} AS t
USING {parking} AS p
WHERE {join}
