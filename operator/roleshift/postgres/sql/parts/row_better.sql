-- A row that keeps its place when Merge removes another one that becomes equal to it. Part of a larger
-- statement; one look-up by the unique index for each row that is moved.
SELECT FROM {target} AS o
{mapped}
WHERE {same} AND {after} = m.to_role AND ({role} = m.to_role OR {smaller})
