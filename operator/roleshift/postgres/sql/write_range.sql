-- Writes the rows of one range of the image's blocks. Row locks on the target; one look-up by key a row.
UPDATE {target} AS t
SET {assignments}
FROM {image} AS i
INNER JOIN unnest(%(from_roles)s::text[], %(to_roles)s::text[], %(seniorities)s::text[])
    AS m (from_role, to_role, seniority) ON m.from_role = i.role::text
WHERE i.ctid >= %(first)s::tid AND i.ctid < %(last)s::tid AND {join}
