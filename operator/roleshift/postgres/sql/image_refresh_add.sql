-- Puts into the image what is not in it any more or not yet. ACCESS SHARE on the target; a hash join.
INSERT INTO {image} ({names})
SELECT {columns}
FROM {source}
WHERE {moves} AND NOT EXISTS (SELECT FROM {image} AS i WHERE {join})
