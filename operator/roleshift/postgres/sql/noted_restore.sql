-- Restores every row from the role that the table notes itself, where nobody has touched one since. Row locks on the
-- target; one scan.
UPDATE {target} AS t
SET {restorations}
WHERE {left_by_run}
