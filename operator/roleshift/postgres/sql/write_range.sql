-- Writes the rows of one range of the image's blocks. Row locks on the target; a hash join with the range.
UPDATE {target} AS t
SET {assignments}
FROM {image} AS i
WHERE i.ctid >= %(first)s::tid AND i.ctid < %(last)s::tid AND {join}{its_turn}
