-- Removes rows whose place another row keeps; the image has every column of them. Row locks on the target.
DELETE FROM {target} AS t
USING {image} AS i
WHERE {join} AND i.turn < 0
