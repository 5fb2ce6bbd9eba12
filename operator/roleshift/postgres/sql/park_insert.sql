-- Puts parked rows back, with other values in the columns that a run writes. Row locks on the target.
INSERT INTO {target} ({names}) OVERRIDING SYSTEM VALUE
SELECT {columns}
FROM {parking} AS p
INNER JOIN {image} AS i ON {join}
