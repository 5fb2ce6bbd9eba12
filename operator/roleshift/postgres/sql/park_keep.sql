-- Keeps every column of rows that are about to be taken out and put back. A table that lives as long as the
-- transaction; ACCESS SHARE on the target; one look-up by key a row.
CREATE TABLE {parking} AS
SELECT {columns}
FROM {target} AS t
INNER JOIN {image} AS i ON {join}
WHERE {parked}
