-- Rows born after the migration go back by the reversed mapping. Row locks on the target; an anti-join.
UPDATE {target} AS t
SET {role} = m.from_role::{role_type}
FROM unnest(%(new_roles)s::text[], %(old_roles)s::text[]) AS m (to_role, from_role)
WHERE
    t.{role}::text = m.to_role AND {scope} AND {unknown}
    AND NOT EXISTS (SELECT FROM {target} AS o WHERE {same_place} AND {role_of_other} = m.from_role)
