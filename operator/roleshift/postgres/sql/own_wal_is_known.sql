-- Whether the server tells how much WAL one session wrote (from version 18 on), and this role may ask.
-- A catalog look-up; locks nothing.
SELECT
    coalesce(
        pg_catalog.has_function_privilege(
            pg_catalog.to_regprocedure('pg_catalog.pg_stat_get_backend_wal(integer)'), 'EXECUTE'
        ),
        false
    ) AS known
