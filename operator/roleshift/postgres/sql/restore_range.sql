-- Restores the rows of one range that still are as the run left them. Row locks on the target.
UPDATE {target} AS t
SET {restorations}
FROM {image} AS i
WHERE
    i.ctid >= %(first)s::tid AND i.ctid < %(last)s::tid AND {join}{its_turn}
    AND {movable} AND NOT {logged}
