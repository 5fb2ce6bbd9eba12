-- Lays a function down, or lays it down anew. Locks its catalog row; costs one.
CREATE OR REPLACE FUNCTION roleshift.{name} ({arguments})
RETURNS {returns}
LANGUAGE plpgsql
SECURITY INVOKER
{settings}
AS {body}
