-- Whether a row of the target is one that the restore moves elsewhere, or one that it had to leave where it is.
-- Part of a larger statement; two look-ups by key.
EXISTS (
    SELECT FROM {image} AS i
    INNER JOIN {target} AS t ON {join}
    WHERE {same_row} AND {written} AND {role} IS DISTINCT FROM i.role::text AND {movable} AND {settled}
)
