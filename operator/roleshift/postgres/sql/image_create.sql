-- The before-image of the rows that will change. ACCESS SHARE on the target; one scan, one write of
-- the image. `row_version` is the row's xmin at that moment.
CREATE TABLE {image} AS
SELECT {columns}, t.xmin::text::bigint AS row_version
FROM {target} AS t
WHERE t.{role}::text IN ({from_roles})
