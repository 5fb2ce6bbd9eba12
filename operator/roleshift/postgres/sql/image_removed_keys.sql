-- Whether there is a table with the keys of rows that the write took out of an image. Locks nothing.
SELECT to_regclass(%(name)s) IS NOT NULL AS there
