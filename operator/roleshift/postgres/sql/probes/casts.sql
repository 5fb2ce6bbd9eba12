-- Whether a column's type and its check constraints take values, and why not. Touches no table; locks nothing.
SELECT given.value, {why} AS why, tried.fits, tried.allowed
FROM unnest({values}::text[]) AS given (value)
CROSS JOIN LATERAL (
    SELECT ({text} = given.value) IS TRUE AS fits, {checks} AS allowed
    FROM (SELECT {taken} AS {column}) AS t
) AS tried
