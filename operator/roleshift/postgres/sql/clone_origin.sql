-- What has to be known of a database before it is cloned, and of the role that would clone it. Locks nothing.
-- Sessions of the same name are the asker's own, which are about to end; CREATE DATABASE waits for that.
SELECT
    d.datname AS name,
    current_user::text AS role,
    current_setting('server_version_num')::integer AS version,
    r.rolsuper AS superuser,
    r.rolsuper OR r.rolcreatedb AS may_create,
    r.rolsuper OR d.datistemplate OR pg_catalog.pg_has_role(d.datdba, 'USAGE') AS may_copy,
    pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
    to_jsonb(d) AS properties,
    (
        SELECT count(*) FROM pg_catalog.pg_stat_activity AS a
        WHERE
            a.datid = d.oid
            AND a.application_name IS DISTINCT FROM current_setting('application_name')
    ) AS others
FROM pg_catalog.pg_database AS d
INNER JOIN pg_catalog.pg_roles AS r ON r.rolname = current_user
WHERE d.datname = current_database()
