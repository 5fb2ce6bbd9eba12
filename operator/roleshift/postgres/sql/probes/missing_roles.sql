-- New roles that the table lacks to which the role column refers. ACCESS SHARE; one scan of that table.
SELECT DISTINCT v.role
FROM unnest(%(to_roles)s::text[]) AS v (role)
WHERE NOT EXISTS (SELECT FROM {referenced} AS r WHERE r.{column}::text = v.role)
ORDER BY 1
