-- Puts into the image what is not in it any more or not yet. ACCESS SHARE on the target; a hash join.
INSERT INTO {image}
SELECT {columns}, t.xmin::text::bigint
FROM {target} AS t
WHERE
    t.{role}::text = ANY(%(from_roles)s)
    AND NOT EXISTS (SELECT FROM {image} AS i WHERE {join})
