-- Whether a row of the target is one that the restore will move elsewhere. Part of a larger statement; two
-- look-ups by key.
EXISTS (
    SELECT FROM {image} AS i
    INNER JOIN {target} AS t ON {join}
    WHERE {same_row} AND {written} AND i.role::text <> i.to_role::text AND {movable} AND NOT {logged}
)
