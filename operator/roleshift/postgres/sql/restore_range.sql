-- Restores the rows of one range that still are as the run left them. Row locks on the target.
UPDATE {target} AS t
SET {restorations}
FROM {image} AS i
INNER JOIN unnest(%(from_roles)s::text[], %(to_roles)s::text[], %(seniorities)s::text[])
    AS m (from_role, to_role, seniority) ON m.from_role = i.role::text
WHERE i.ctid >= %(first)s::tid AND i.ctid < %(last)s::tid AND {join} AND {as_left}
